import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { jsonLine } from './frame/json-line.js';
import { sleep } from '../core/sleep.js';
import { doneCode } from './frame/stop-code.js';
import { AdminClient } from './look/admin-client.js';
import { connectionsAt, lookAsJson, lookAt } from './look/look.js';
import { ChangeMeter } from './top/change.js';
import type { Sort } from './top/sorts.js';
import { LiveTop } from './top/live-top.js';
import { snapshotLines } from './top/view.js';

export interface TopOptions {
  readonly admin: string;
  readonly output: 'text' | 'json';
  readonly sort: Sort;
  readonly match: string | undefined;
  readonly slow: boolean;
  readonly interval: number | undefined;
  readonly limit: number | undefined;
}

const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_LIMIT = 20;
/** Of a text that goes to a file, so that addresses are in it. */
const SNAPSHOT_COLUMNS = 120;

/** `sluice top`: live in a terminal, else one snapshot, or one each interval. */
export async function top(options: TopOptions, io: CommandIo): Promise<number> {
  const admin = new AdminClient(options.admin, io.clock, io.signal);
  try {
    if (options.output === 'text' && io.stdout.isTerminal) {
      await new LiveTop(admin, io, {
        ...options,
        match: options.match ?? '',
        intervalMs: options.interval ?? DEFAULT_INTERVAL_MS,
      }).run();
    } else {
      await snapshots(admin, options, io);
    }
    return exitCode('ok');
  } catch (error) {
    if (error === io.signal.reason) return doneCode(io);
    throw error;
  } finally {
    admin.close();
  }
}

async function snapshots(admin: AdminClient, options: TopOptions, io: CommandIo): Promise<void> {
  const { sort, slow, interval, limit = DEFAULT_LIMIT, output, match = '' } = options;
  const query = new URLSearchParams({ sort, limit: String(limit), match, ...(slow ? { slow: '' } : {}) });
  const columns = io.stdout.isTerminal ? io.stdout.columns : SNAPSHOT_COLUMNS;
  const meter = new ChangeMeter();
  for (;;) {
    const [look, page] = await Promise.all([lookAt(admin), connectionsAt(admin, query)]);
    const change = meter.next(look.totals);
    if (output === 'json') {
      const at = new Date(io.clock.wallNow()).toISOString();
      const { connections: shown, total } = page;
      io.stdout.write(jsonLine({ at, ...lookAsJson(admin.shown, look), total, shown }));
    } else {
      const view = { look, change, page, sort, match, slowOnly: slow, paused: false };
      const lines = snapshotLines(
        { ...view, address: admin.shown, fault: undefined, typing: undefined },
        columns,
        io.stdout.paint,
      );
      io.stdout.write(`${lines.join('\n')}\n${interval === undefined ? '' : '\n'}`);
    }
    if (interval === undefined) return;
    await io.stdout.drained();
    await sleep(interval, io.clock, io.signal);
  }
}

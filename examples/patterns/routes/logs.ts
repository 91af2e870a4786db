/**
 * LogService as a native route: the same file, the same filter. A session's
 * message says what it wants of the log from now on, and may do so again at any time:
 * `{"services":["api"],"minLevel":"warn","sinceMs":0,"untilMs":0,"follow":true}`.
 */
import { defineRoute, SluiceError } from '../../../src/index.js'; // in your own project: from 'sluice'
import { followFile } from '../services/follow-file.js';
import { isWanted, LEVELS, type LogFilter, readLine } from '../services/log-lines.js';

interface Following {
  filter: LogFilter;
  /** Undefined until the first message. */
  reading: Promise<void> | undefined;
}

/** Every so many lines are told in the gateway's log. */
const TELL_EVERY = 50;

const logs = defineRoute({
  open: (): Following => ({
    filter: { services: [], minLevel: 'debug', sinceMs: 0, untilMs: 0 },
    reading: undefined,
  }),
  message({ text }, session, following) {
    const { follow, ...filter } = wishOf(text);
    following.filter = filter;
    following.reading ??= (async () => {
      const file = String(process.env['PATTERNS_LOG'] ?? session.context.options['file']);
      const from = follow && filter.sinceMs === 0 ? 'end' : filter.sinceMs;
      let read = 0;
      for await (const written of followFile(file, { from, follow, signal: session.signal })) {
        const line = readLine(written);
        if (line === undefined || !isWanted(line, following.filter)) continue;
        read += 1;
        if (read % TELL_EVERY === 0) session.logger.info({ caller: session.sessionId, read }, 'lines read');
        // Waits for room at the client: meanwhile nothing is read of the file. A client that is away is waited for, too.
        await session.send(JSON.stringify(line));
      }
      session.end();
    })().catch((error: unknown) => {
      if (!session.signal.aborted) session.fail(new SluiceError('ROUTE_FAILED', String(error)));
    });
  },
});

export { logs as default };

function wishOf(text: string): LogFilter & { readonly follow: boolean } {
  const wish = JSON.parse(text) as Partial<LogFilter> & { readonly follow?: boolean };
  const { services = [], minLevel = 'debug', sinceMs = 0, untilMs = 0, follow = false } = wish;
  if (!LEVELS.includes(minLevel)) throw new SluiceError('INVALID_MESSAGE', `there is no level "${minLevel}"`);
  if (untilMs !== 0 && untilMs < sinceMs)
    throw new SluiceError('INVALID_MESSAGE', `untilMs ${untilMs} is before sinceMs ${sinceMs}`);
  return { services, minLevel, sinceMs, untilMs, follow };
}

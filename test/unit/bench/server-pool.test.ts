import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ServerPool, type ServerNeed } from '../../../bench/harness/server-pool.js';
import type { RunningServer } from '../../../bench/harness/servers.js';

interface Started extends RunningServer {
  readonly die: (code: number) => void;
}

const started: Started[] = [];

vi.mock('../../../bench/harness/servers.js', () => ({
  isMissing: () => false,
  defineServer: () => ({ name: 'go', runtime: '', command: '', args: [] }),
  startServer: async () => {
    let die: (code: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => {
      die = resolve;
    });
    const stop = async (): Promise<void> => {
      die(0);
    };
    const server = { address: '', pid: 1, exited, die, stop, stderr: () => 'panic', served: new Set() };
    started.push(server as unknown as Started);
    return server;
  },
}));

const need: ServerNeed = { server: 'go', tls: false, routes: false };
const nothing = {
  peer: undefined,
  load: undefined,
  version: undefined,
  runtime: undefined,
  reason: undefined,
};
let pool: ServerPool;
beforeEach(() => {
  started.length = 0;
  pool = new ServerPool(nothing);
});

describe('a shared server', () => {
  it('is one until all are stopped', async () => {
    expect(await pool.use(need)).toBe(await pool.use(need));
    await pool.stopAll();
    await pool.use(need);
    expect(started).toHaveLength(2);
  });

  it('that died between two runs is told of once, then replaced', async () => {
    await pool.use(need);
    started[0]!.die(7);
    await started[0]!.exited;
    await expect(pool.use(need)).rejects.toThrow('the server ended with 7 by itself. panic');
    expect(await pool.use(need)).toBe(started[1]);
  });

  it('that died within a run, and was told of by it, is replaced at once', async () => {
    await pool.use(need);
    started[0]!.die(7);
    await started[0]!.exited;
    await pool.discard(need);
    expect(await pool.use(need)).toBe(started[1]);
  });
});

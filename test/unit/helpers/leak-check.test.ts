import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  assertSettled,
  findLeaks,
  LeakError,
  takeSnapshot,
  type ResourceSnapshot,
} from '../../helpers/leak-check.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function kindsSince(snapshot: ResourceSnapshot): string[] {
  return [...new Set(findLeaks(snapshot).map((leak) => leak.kind))].sort();
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

describe('findLeaks', () => {
  it('finds a timer, unref’d too, and says where it was made', () => {
    const snapshot = takeSnapshot();
    const timer = setTimeout(() => undefined, 60_000).unref();
    cleanups.push(() => {
      clearTimeout(timer);
    });
    const leaks = findLeaks(snapshot);
    expect(leaks).toHaveLength(1);
    expect(leaks[0]?.kind).toBe('timer');
    expect(leaks[0]?.description).toMatch(/^60000 ms, made .*leak-check\.test\.ts/);
    clearTimeout(timer);
    expect(findLeaks(snapshot)).toEqual([]);
  });

  it('finds an interval that has already fired', async () => {
    const snapshot = takeSnapshot();
    let interval: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      interval = setInterval(resolve, 1);
    });
    cleanups.push(() => {
      clearInterval(interval);
    });
    expect(kindsSince(snapshot)).toEqual(['timer']);
  });

  it('does not report what was there before', () => {
    const timer = setTimeout(() => undefined, 60_000);
    cleanups.push(() => {
      clearTimeout(timer);
    });
    expect(findLeaks(takeSnapshot())).toEqual([]);
  });

  it('finds a server and both ends of a connection', async () => {
    const snapshot = takeSnapshot();
    const server = net.createServer();
    const port = await listening(server);
    cleanups.push(async () => {
      server.close();
      await once(server, 'close');
    });
    expect(kindsSince(snapshot)).toEqual(['server']);
    const accepted = once(server, 'connection');
    const client = net.connect(port, '127.0.0.1');
    const [peer] = (await accepted) as [net.Socket];
    cleanups.push(() => {
      client.destroy();
      peer.destroy();
    });
    const sockets = findLeaks(snapshot).filter((leak) => leak.kind === 'socket');
    expect(sockets).toHaveLength(2);
    expect(sockets.some((leak) => leak.description.includes(`127.0.0.1:${String(port)}`))).toBe(true);
  });

  it('finds HTTP/2 sessions', async () => {
    const snapshot = takeSnapshot();
    const server = http2.createServer();
    const port = await listening(server);
    const session = http2.connect(`http://127.0.0.1:${String(port)}`);
    cleanups.push(async () => {
      session.destroy();
      server.close();
      await once(server, 'close');
    });
    await once(session, 'remoteSettings');
    expect(kindsSince(snapshot)).toEqual(['http2 session', 'server', 'socket']);
  });

  it('finds a child process', async () => {
    const snapshot = takeSnapshot();
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    cleanups.push(async () => {
      child.kill();
      await once(child, 'close');
    });
    await once(child, 'spawn');
    expect(kindsSince(snapshot)).toContain('child process');
  });

  it('finds a listener left on the process', () => {
    const snapshot = takeSnapshot();
    const listener = (): void => undefined;
    process.on('SIGUSR2', listener);
    cleanups.push(() => {
      process.off('SIGUSR2', listener);
    });
    expect(kindsSince(snapshot)).toContain('process listener');
  });
});

describe('what is remembered', () => {
  it('keeps nothing alive that something was made by, once that is gone', async () => {
    /** `this` of the frames in which they are made, as a finished write is of what its callback makes. */
    class Maker {
      immediate(): Promise<void> {
        return new Promise((resolve) => setImmediate(resolve));
      }
      timer(): Promise<void> {
        return new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    const made = async (): Promise<WeakRef<Maker>[]> => {
      const [first, second] = [new Maker(), new Maker()];
      await Promise.all([first.immediate(), second.timer()]);
      return [new WeakRef(first), new WeakRef(second)];
    };
    const makers = await made();
    // A WeakRef holds what it was made for until the turn is over.
    await new Promise<void>((resolve) => setImmediate(resolve));
    collect();
    expect(makers.map((maker) => maker.deref())).toEqual([undefined, undefined]);
  });
});

describe('assertSettled', () => {
  it('waits for what is closing', async () => {
    const snapshot = takeSnapshot();
    const server = net.createServer();
    await listening(server);
    server.close();
    setTimeout(() => undefined, 30);
    await assertSettled(snapshot);
    expect(findLeaks(snapshot)).toEqual([]);
  });

  it('throws when the time is over, and names what is left', async () => {
    const snapshot = takeSnapshot();
    const server = net.createServer();
    const port = await listening(server);
    cleanups.push(async () => {
      server.close();
      await once(server, 'close');
    });
    const error: unknown = await assertSettled(snapshot, 20).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(LeakError);
    expect((error as LeakError).message).toMatch(/left behind:\n {2}- server: /);
    expect((error as LeakError).message).toContain(String(port));
  });
});

/** What every backend of examples/backends must do, behind a gateway and in front of the SDK. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { connect, type Session } from '../../src/client/index.js';
import type { ExampleBackend } from './example-backend.js';
import { type GatewayUnderTest, type Settings, startGateway } from './gateway.js';

/** Starts a backend, on a port of its own or on this address. */
export type StartBackend = (address?: string) => Promise<ExampleBackend>;

/** As examples/backends/gateway.yaml has it, but for where the backends are, and how long is waited for one. */
async function gatewayTo(
  backends: readonly ExampleBackend[],
  settings: Settings = {},
): Promise<GatewayUnderTest> {
  const file = parse(readFileSync('examples/backends/gateway.yaml', 'utf8')) as {
    readonly upstreams: { readonly shout: object };
    readonly routes: object;
    readonly defaultRoute: string;
  };
  const addresses = backends.map(({ address }) => address);
  const shout = { ...file.upstreams.shout, addresses, backoffFirst: '5ms', backoffMax: '50ms' };
  return startGateway({
    upstreams: JSON.stringify({ shout }),
    routes: JSON.stringify(file.routes),
    defaultRoute: file.defaultRoute,
    ...settings,
  });
}

/** The next payload from the backend. */
async function next(session: Session): Promise<string> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const message = await session.receive();
    if (message === undefined) throw new Error('the session has ended');
    pieces.push(message.data);
    if (!message.more) return Buffer.concat(pieces).toString();
  }
}

/** Each answered and acknowledged in order, a bad one fails alone, its health is known. */
export async function answersInCapitals(start: StartBackend): Promise<void> {
  await using backend = await start();
  await using server = await gatewayTo([backend], { 'server.maxMessageSize': '64KiB' });
  await using client = connect(server.address, { clientId: 'ann' });
  await using session = await client.open();
  expect(await next(session)).toBe('hello, ann');
  await session.sendAndWait('one');
  expect(await next(session)).toBe('ONE');
  // No answer, and acknowledged all the same.
  await session.sendAndWait('');
  const [bad, good] = await Promise.allSettled([
    session.sendAndWait(Uint8Array.of(0xff, 0xfe)),
    session.sendAndWait('höher'),
  ]);
  expect(bad).toMatchObject({
    status: 'rejected',
    reason: { code: 'INVALID_MESSAGE', message: expect.stringContaining('this is not text') as unknown },
  });
  expect(good.status).toBe('fulfilled');
  expect(await next(session)).toBe('HÖHER');
  const long = 'long '.repeat(40_000);
  await session.sendAndWait(long);
  expect(await next(session)).toBe(long.toUpperCase());
  // It says so itself, by grpc.health.v1.
  expect(server.log).toContainEqual(
    expect.objectContaining({
      message: 'a backend takes sessions',
      fields: expect.objectContaining({ state: 'serving' }) as unknown,
    }),
  );
}

/** Killed under load, again and again: each answer once, in order. */
export async function outlivesItsBackends(start: StartBackend): Promise<void> {
  const [messages, kills] = [2_000, 4];
  const backends = [await start(), await start()];
  try {
    await using server = await gatewayTo(backends);
    await using client = connect(server.address, { clientId: 'ann' });
    await using session = await client.open();
    const sending = (async () => {
      for (let n = 0; n < messages; n += 1) await session.send(`message ${n}`);
    })();
    expect(await next(session)).toBe('hello, ann');
    let killed = 0;
    for (let n = 0; n < messages; n += 1) {
      expect(await next(session)).toBe(`MESSAGE ${n}`);
      if (n * (kills + 1) < (killed + 1) * messages || killed === kills) continue;
      // From the second on it is the one that has the session.
      const index = killed % 2;
      killed += 1;
      const dying = backends[index];
      if (dying === undefined) throw new Error('no such backend');
      dying.signal('SIGKILL');
      await dying.exit;
      backends[index] = await start(dying.address);
    }
    await sending;
    expect(await session.close()).toMatchObject({ error: undefined, failed: 0 });
    const lost = server.log.filter(({ message }) => message.startsWith('the stream of a session'));
    expect(lost.length).toBeGreaterThan(0);
  } finally {
    for (const backend of backends) await backend[Symbol.asyncDispose]();
  }
}

/** Told to end, it takes no new sessions, and ends with those it has. */
export async function leavesInPeace(start: StartBackend): Promise<void> {
  await using leaving = await start();
  await using server = await gatewayTo([leaving]);
  await using client = connect(server.address, { clientId: 'ann' });
  await using session = await client.open();
  expect(await next(session)).toBe('hello, ann');
  leaving.signal('SIGTERM');
  await expect
    .poll(() => server.log.map(({ message }) => message), { timeout: 10_000 })
    .toContain('a backend takes no new sessions');
  await session.sendAndWait('still there?');
  expect(await next(session)).toBe('STILL THERE?');
  await session.close();
  expect(await leaving.exit).toEqual({ code: 0, signal: null });
}

/** What every page-long client of examples/ must do: numbers to a route that echoes them, through whatever happens. */
import { expect } from 'vitest';
import type { Route } from '../../src/session/route.js';
import { AuthFiles, claimsOf } from './auth-calls.js';
import { FaultProxy } from './fault-proxy.js';
import { startGateway } from './gateway.js';
import { makeTokenKey, publicPem, signToken } from './tokens.js';
import { seededRandom } from './windowed-random.js';

/** Runs the client with these arguments; what it printed. */
export type RunClient = (args: readonly string[]) => Promise<unknown>;

export const cutSeed = Number(process.env['CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function allOf(payloads: number, messages: number): object {
  return {
    ...{ sent: messages, accepted: messages, received: payloads, eachOnceInOrder: true },
    ...{ connections: expect.any(Number) as unknown, lost: [], failed: [], closed: '', reason: '' },
  };
}

/** Each number once and in order, over so many connections that break. */
export async function overBrokenConnections(client: RunClient, cuts: number): Promise<void> {
  const messages = 2_000;
  await using server = await startGateway();
  await using proxy = await FaultProxy.start(server.address, {
    ...{ cuts, meanBytes: 5_000 },
    random: seededRandom(cutSeed),
  });
  const result = await client(['--address', proxy.address, '--messages', String(messages)]);
  expect(result).toEqual(allOf(messages, messages));
  expect(proxy.cuts).toBe(cuts);
  const { up, down } = server.gateway.metrics;
  for (const flow of [up, down]) expect(flow).toMatchObject({ admitted: messages, delivered: messages });
}

/** What the client says last, the acknowledgement of the last number and its Close, is lost with its connection. */
export async function overALostClose(client: RunClient): Promise<void> {
  const messages = 5;
  let handled = 0;
  let lose = (): void => undefined;
  const numbers: Route = {
    kind: 'numbers',
    open: (session) => ({
      handle: async (message) => {
        handled += 1;
        if (handled === messages) lose();
        await session.send(message);
      },
    }),
  };
  await using server = await startGateway({}, { numbers });
  await using proxy = await FaultProxy.start(server.address);
  lose = () => {
    proxy.freeze('up');
  };
  const over = client(['--address', proxy.address, '--route', 'numbers', '--messages', String(messages)]);
  await expect.poll(() => handled, { timeout: 30_000 }).toBe(messages);
  // The gateway hears nothing more, and ends the connection.
  await expect.poll(() => server.gateway.connections, { timeout: 30_000 }).toBe(0);
  proxy.thaw();
  expect(await over).toEqual(allOf(messages, messages));
  expect(handled).toBe(messages);
}

/** Payloads of several messages each, both ways, over connections that break within them. */
export async function inSeveralMessages(client: RunClient): Promise<void> {
  const payloads = 100;
  // 2 KiB a message less what is beside the payload: 10,000 bytes take seven.
  await using server = await startGateway({ 'server.maxMessageSize': '2KiB' });
  await using proxy = await FaultProxy.start(server.address, {
    ...{ cuts: 8, meanBytes: 100_000 },
    random: seededRandom(cutSeed),
  });
  const args = ['--address', proxy.address, '--messages', String(payloads), '--size', '10000'];
  expect(await client(args)).toEqual(allOf(payloads, 7 * payloads));
  expect(proxy.cuts).toBe(8);
  expect(server.gateway.metrics.up).toMatchObject({ admitted: 7 * payloads, delivered: 7 * payloads });
}

/** One connection, over several lives of a token that is in a file, and replaced there in time. */
export async function withTokensThatExpire(client: RunClient, pace: readonly string[]): Promise<void> {
  using files = new AuthFiles();
  const key = makeTokenKey('ES256');
  const writeToken = (): string => {
    const now = Date.now() / 1_000;
    return files.write('token', signToken(key, claimsOf('ann', { iat: now, exp: now + 2 })));
  };
  await using server = await startGateway({
    'auth.methods': 'jwt',
    'auth.jwt.keyFile': files.write('key.pem', publicPem(key)),
  });
  const token = writeToken();
  const rotation = setInterval(writeToken, 250);
  try {
    const args = ['--address', server.address, '--token-file', token, '--messages', '100', ...pace];
    expect(await client(args)).toEqual({ ...allOf(100, 100), connections: 1 });
  } finally {
    clearInterval(rotation);
  }
  // The first one, and those shown within the connection.
  const taken = server.gateway.metrics.auth.attempts.jwt.get('ok') ?? 0;
  expect(taken).toBeGreaterThanOrEqual(3);
}

/** A token that is no good, asked for again once: the client says so, and does not go on trying. */
export async function withoutAValidToken(client: RunClient): Promise<void> {
  using files = new AuthFiles();
  await using server = await startGateway({
    'auth.methods': 'jwt',
    'auth.jwt.keyFile': files.write('key.pem', publicPem(makeTokenKey('ES256'))),
  });
  const token = files.write('token', signToken(makeTokenKey('ES256'), claimsOf('ann')));
  expect(await client(['--address', server.address, '--token-file', token])).toMatchObject({
    ...{ sent: 0, accepted: 0, received: 0, lost: [], failed: [] },
    ...{ closed: 'UNAUTHENTICATED', reason: expect.stringContaining('token') as unknown },
  });
  expect(server.gateway.metrics.auth.attempts.jwt.get('UNAUTHENTICATED')).toBe(2);
}

/** The SDK and a gateway over a network in a storm. */
import { expect } from 'vitest';
import type { ClientEvent } from '../../src/client/client-event.js';
import { connect } from '../../src/client/connect.js';
import { SystemClock } from '../../src/core/clock.js';
import { AuthFiles } from './auth-calls.js';
import { FaultProxy } from './fault-proxy.js';
import { startGateway } from './gateway.js';
import { storm } from './network-storm.js';
import { type Account, converse, judge } from './numbered-exchange.js';
import { NumberedRoute } from './numbered-route.js';
import { makeTokenKey, publicPem, signToken } from './tokens.js';
import { seededRandom } from './windowed-random.js';

export interface SdkStorm {
  readonly seed: number;
  readonly durationMs: number;
  readonly batches: boolean;
  /** So that there are several streams, each with several sessions. */
  readonly sessions: number;
  /** Whoever comes shows a token, which soon expires; it goes on until one was renewed within its stream. */
  readonly tokens?: boolean;
}

/** Small enough that payloads of several messages are had both ways. */
const SETTINGS = {
  'server.maxMessageSize': '8KiB',
  'session.windowMessages': 64,
  'session.windowSize': '64KiB',
  'session.maxPayloadSize': '32KiB',
  'pool.maxConnectionsPerClient': 100,
};
/** Connections are left for their age in the midst of it all. */
const AGES = { 'server.maxStreamAge': '1500ms', 'server.maxConnectionAge': '4s' };
const SESSIONS_PER_STREAM = 3;
const TOKEN_LIFE_S = 5;

export async function exchangeInStorm(options: SdkStorm): Promise<void> {
  const { seed, durationMs, batches, sessions, tokens = false } = options;
  const random = seededRandom(seed);
  const numbers = new NumberedRoute(new SystemClock());
  using files = new AuthFiles();
  const key = makeTokenKey('ES256', { kid: 'k' });
  const identity = {
    'auth.methods': 'jwt',
    'auth.jwt.keyFile': files.write('key.pem', publicPem(key)),
    'auth.jwt.clockTolerance': 0,
    'auth.expiryNotice': `${TOKEN_LIFE_S}s`,
    'auth.expiryGrace': '2s',
  };
  const settings = { ...SETTINGS, ...(tokens ? identity : AGES) };
  await using server = await startGateway(settings, { numbered: numbers.route });
  await using proxy = await FaultProxy.start(server.address, { cuts: Infinity, meanBytes: 60_000, random });
  const events: ClientEvent[] = [];
  let accounts: Account[] = [];
  let isOver = false;
  let isRenewed = !tokens;
  {
    await using client = connect(proxy.address, {
      batches,
      ...(tokens ? { token: () => signToken(key, claims()) } : { clientId: 'ann' }),
      sessionsPerStream: SESSIONS_PER_STREAM,
      openTimeoutMs: 60_000,
      backoff: { firstMs: 5, maxMs: 100 },
      onEvent: (event) => {
        events.push(event);
        if (isOver && event.kind === 'token-renewed') isRenewed = true;
      },
    });
    const weather = storm(proxy, { durationMs, calmMs: 250, silenceMs: 3_000, random }).finally(() => {
      isOver = true;
      proxy.cutting = false;
    });
    const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    accounts = await Promise.all(
      Array.from({ length: sessions }, (_, index) =>
        converse({ client, id: `s${index}`, random, rest, goesOn: () => !isOver || !isRenewed }),
      ),
    );
    await weather;
  }
  for (const account of accounts) {
    const lives = numbers.lives.get(account.id) ?? [];
    expect(lives).toHaveLength(1);
    judge(account, lives);
  }
  judgeEvents(events);
  expect(server.gateway.metrics.sessionsResumed).toBeGreaterThan(0);
  const sent = accounts.reduce((sum, account) => sum + account.sent, 0);
  expect(server.gateway.metrics.up.dropped).toBe(0);
  expect(server.gateway.metrics.down.dropped).toBe(0);
  expect(server.gateway.metrics.up.delivered).toBeGreaterThanOrEqual(sent);
}

function claims(): Readonly<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1_000);
  return { sub: 'ann', iat: now, exp: now + TOKEN_LIFE_S };
}

/** Connections are begun before they are there, and are there before they break. */
export function judgeEvents(events: readonly ClientEvent[]): void {
  let begun = 0;
  let whole = 0;
  const wrong: string[] = [];
  for (const [index, { kind }] of events.entries()) {
    if (kind === 'connecting') begun += 1;
    if (kind === 'connected' && (whole += 1) > begun) wrong.push(`${index}: connected, and not begun`);
  }
  const ended = events.filter(({ kind }) => kind === 'disconnected').length;
  if (ended > begun) wrong.push(`${ended} have ended of ${begun}`);
  expect(wrong).toEqual([]);
}

/** Thousands of wrong tokens, as fast as they can be sent, beside clients that do nothing wrong. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:http2';
import { expect } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { attack, type Attack } from './auth-attack.js';
import { AuthFiles, bearer, claimsOf, staticTokens, welcomedAs } from './auth-calls.js';
import { GatewayProcess } from './gateway-process.js';
import { StreamClient } from './stream-client.js';
import { makeTokenKey, publicPem, signToken, type TokenKey } from './tokens.js';

const MIB = 1024 * 1024;
/** Each has a network connection of its own; all that is in 127.0.0.0/8 is this machine. */
const ATTACKERS = Array.from({ length: 4 }, () => '127.0.0.2');
const GOOD_TOKEN = randomBytes(32).toString('base64url');

async function totalsOf(gateway: GatewayProcess): Promise<Totals> {
  return (await (await fetch(`http://${gateway.admin}/totals`)).json()) as Totals;
}

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1]);
}

async function lockedGateway(
  files: AuthFiles,
  key: TokenKey,
  more: readonly string[],
): Promise<GatewayProcess> {
  const tokens = [0, 1, 2, 3].map((n) => ({ token: `${GOOD_TOKEN}${n}`, subject: `honest-${n}` }));
  return GatewayProcess.ready(
    [
      ...['--auth.methods', 'static,jwt'],
      ...['--auth.static.file', files.write('tokens.json', staticTokens(...tokens))],
      ...['--auth.jwt.keyFile', files.write('key.pem', publicPem(key))],
      // The flood and the honest share a process: that one is kept busy by the other is no news.
      ...['--health.probeAnswerTimeout', '30s'],
      ...more,
    ],
    // What is young is collected soon: what stays is what is kept.
    { nodeArgs: ['--max-semi-space-size=2'] },
  );
}

/** What an attempt costs, with MEASURE in the environment: told, for it is the machine's as much as the gateway's. */
function tell(measured: object): void {
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}

/** What somebody may try: nonsense, JWTs of a stranger's key or of none, and one that is too long. */
function wrongTokens(key: TokenKey): Attack['token'] {
  const stranger = makeTokenKey(key.alg, { kid: 'k' });
  const claims = claimsOf('root');
  const good = signToken(key, claims).split('.');
  const kinds = [
    () => randomBytes(32).toString('base64url'),
    (n: number) => signToken(stranger, { ...claims, jti: n }),
    () => `${good[0] ?? ''}.${good[1] ?? ''}.`,
    () => 'x'.repeat(9_000),
  ];
  return (n) => kinds[n % kinds.length]?.(n) ?? '';
}

/** Clients that do nothing wrong, and exchange numbered messages for as long as it takes. */
class Honest implements Disposable {
  readonly #clients: readonly StreamClient[];
  #sent = 0;

  constructor(address: string) {
    this.#clients = [0, 1, 2, 3].map(
      (n) => new StreamClient(address, { metadata: bearer(`${GOOD_TOKEN}${n}`) }),
    );
  }

  /** Until it is over, and once at least: everything comes back, in order. */
  async exchangeUntil(over: Promise<unknown>): Promise<number> {
    const state = { over: false };
    const ended = over.finally(() => {
      state.over = true;
    });
    do {
      await this.#exchange();
    } while (!state.over);
    await ended;
    for (const client of this.#clients) {
      for (const session of ['a', 'b']) {
        const words = client.data.filter(({ sessionId }) => sessionId === session);
        expect(words.map(({ data }) => Number(data))).toEqual(
          Array.from({ length: this.#sent }, (_, n) => n),
        );
      }
      expect([client.controls('error'), client.controls('closed')]).toEqual([[], []]);
    }
    return this.#sent;
  }

  async #exchange(): Promise<void> {
    for (let n = 0; n < 10; n += 1) {
      for (const client of this.#clients) {
        client.sendData('a', String(this.#sent));
        client.sendData('b', String(this.#sent));
      }
      this.#sent += 1;
    }
    await Promise.all(this.#clients.map((client) => client.untilData(2 * this.#sent)));
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }
}

/** With a good token, from this address: undefined when it is let in, else after how long it may try again. */
async function knock(address: string, localAddress: string): Promise<number | undefined> {
  const session = connect(`http://${address}`, { localAddress } as object);
  session.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => session.once('close', resolve));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sluice.v1.StreamService/StreamData',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...bearer(`${GOOD_TOKEN}0`),
  });
  stream.on('error', () => undefined);
  const refusedFor = await new Promise<number | undefined>((resolve, reject) => {
    stream.on('response', (headers) => {
      const details = headers['grpc-status-details-bin'];
      if (typeof details !== 'string') return;
      const { reason, retryAfterMs } = decodeStatusDetails(Buffer.from(details, 'base64'));
      if (reason === 'RATE_LIMITED' && retryAfterMs !== undefined) resolve(retryAfterMs);
      else reject(new Error(`refused with ${String(reason)}, ${String(retryAfterMs)}`));
    });
    // Welcome.
    stream.on('data', () => {
      resolve(undefined);
    });
  });
  session.destroy();
  await closed;
  return refusedFor;
}

/** All are refused with the right code and counted; nobody else loses a message, and nothing grows without bound. */
export async function expectFloodToCostNobody(streamHandler: string, attempts: number): Promise<void> {
  using files = new AuthFiles();
  const key = makeTokenKey('ES256', { kid: 'k' });
  await using gateway = await lockedGateway(files, key, [
    ...['--server.streamHandler', streamHandler, '--auth.failures.perSecond', '100'],
    ...['--auth.failures.maxAddresses', '16'],
  ]);
  const { address } = gateway;
  using honest = new Honest(address);
  await honest.exchangeUntil(Promise.resolve());
  const token = wrongTokens(key);
  const flood = (count: number, from = ATTACKERS): ReturnType<typeof attack> =>
    attack({
      ...{ address, from, attempts: count, outstanding: 50, token },
      by: (n) => (n % 8 < 4 ? 'metadata' : 'authenticate'),
    });
  // Once, so that its code is warm and its memory taken.
  await flood(attempts / 3);
  const before = await totalsOf(gateway);
  const [memory, cpu] = [
    await metric(gateway, 'process_resident_memory_bytes'),
    await metric(gateway, 'process_cpu_seconds_total'),
  ];
  const lines = gateway.log.length;

  const attacked = flood(attempts);
  const exchanged = await honest.exchangeUntil(attacked);
  const reasons = await attacked;
  const after = await totalsOf(gateway);
  const growth = (await metric(gateway, 'process_resident_memory_bytes')) - memory;
  const cpuMs = 1_000 * ((await metric(gateway, 'process_cpu_seconds_total')) - cpu);

  const [wrong = 0, slowed = 0] = [reasons.get('UNAUTHENTICATED'), reasons.get('RATE_LIMITED')];
  expect(wrong + slowed).toBe(attempts);
  expect([wrong > 0, slowed > 0]).toEqual([true, true]);
  const failed = ({ auth }: Totals): number =>
    (auth.attempts.static['UNAUTHENTICATED'] ?? 0) + (auth.attempts.jwt['UNAUTHENTICATED'] ?? 0);
  expect(failed(after) - failed(before)).toBe(wrong);
  expect(after.auth.slowed - before.auth.slowed).toBe(slowed);
  expect(after.auth.now).toMatchObject({ failingAddresses: 1, unidentified: 0 });
  expect(after.connections.active).toBe(4);
  expect(growth).toBeLessThan(64 * MIB);
  // One line a minute for each code, and what the interval brings; none of them with a token.
  const told = gateway.log.slice(lines).filter(({ msg }) => msg === 'streams refused');
  expect(told.length).toBeLessThan(8);
  expect(exchanged).toBeGreaterThan(10);
  if (process.env['MEASURE'] !== undefined) {
    tell({ streamHandler, wrong, slowed, cpuMs, exchanged, growthMiB: growth / MIB });
  }

  // Somebody with a good token behind the same address waits no longer than told.
  for (let retryMs = await knock(address, '127.0.0.2'), n = 0; retryMs !== undefined; n += 1) {
    expect(n).toBeLessThan(3);
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    retryMs = await knock(address, '127.0.0.2');
  }

  // From ever new addresses: no more of them are remembered than there is room for.
  const addresses = Array.from({ length: 40 }, (_, n) => `127.0.1.${n + 1}`);
  const many = await flood(200, addresses);
  expect(many).toEqual(new Map([['UNAUTHENTICATED', 200]]));
  expect((await totalsOf(gateway)).auth.now).toMatchObject({ failingAddresses: 16 });
  await honest.exchangeUntil(Promise.resolve());
}

/** The worst there is: each is looked at. */
export async function expectUnslowedFloodToCostNobody(attempts: number): Promise<void> {
  using files = new AuthFiles();
  const key = makeTokenKey('ES256', { kid: 'k' });
  await using gateway = await lockedGateway(files, key, ['--auth.failures.perSecond', '0']);
  const { address } = gateway;
  using honest = new Honest(address);
  await honest.exchangeUntil(Promise.resolve());
  const token = wrongTokens(key);
  const cpu = await metric(gateway, 'process_cpu_seconds_total');
  const attacked = attack({
    ...{ address, from: ATTACKERS, attempts, outstanding: 50, token },
    by: () => 'metadata',
  });
  const exchanged = await honest.exchangeUntil(attacked);
  expect(await attacked).toEqual(new Map([['UNAUTHENTICATED', attempts]]));
  const cpuMs = 1_000 * ((await metric(gateway, 'process_cpu_seconds_total')) - cpu);
  if (process.env['MEASURE'] !== undefined) tell({ attempts, cpuMs, exchanged });
  using client = new StreamClient(address, { metadata: bearer(signToken(key, claimsOf('ann'))) });
  expect(await welcomedAs(client)).toBe('ann');
}

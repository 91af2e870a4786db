/** Two backends under load, one of them and then the other restarted, again and again; and the judgement. */
import { expect, type TestContext } from 'vitest';
import type { ExampleBackend } from './example-backend.js';
import { type Language, startPlayBackend } from './play-backends.js';
import { PlayClient, type Seen } from './play-client.js';
import { PLAY_SERVICE, type Step } from './play-steps.js';
import { Figures } from './proxy-figures.js';
import { type GatewayUnderTest, startGateway } from './gateway.js';

export interface Restarts {
  readonly language: Language;
  /** SIGKILL: it is gone at once. SIGTERM: it ends what it has. */
  readonly signal: 'SIGKILL' | 'SIGTERM';
  readonly rounds: number;
}

const STREAM_LOOPS = 8;
/**
 * More than streams: a call goes to the backend that has the fewest, and after a restart all streams are at the other
 * one, which is killed next. As many unary calls as that would all be away from it.
 */
const UNARY_LOOPS = 2 * STREAM_LOOPS;
/** Long enough that some are always under way. */
const UNARY_STEPS: readonly Step[] = [
  ['sleep', 5],
  ['echo', 1],
];
/** Questions of a stream, each asked when the one before is answered. */
const QUESTIONS = 200;
/** Calls of either kind that end between two restarts. */
const CALLS_BETWEEN = 150;
const OK = 0;
const UNAVAILABLE = 14;

interface Tally {
  readonly unary: Seen[];
  readonly streams: Seen[];
}

function settingsFor(addresses: readonly string[]) {
  return {
    upstreams: JSON.stringify({ pair: { addresses, backoffFirst: '10ms', backoffMax: '100ms' } }),
    proxies: JSON.stringify({
      calls: { services: [PLAY_SERVICE], upstream: 'pair', maxAttempts: 5, maxCallsPerClient: 1_000 },
    }),
  };
}

export async function restartBackends(context: TestContext, restarts: Restarts): Promise<void> {
  const { language, signal, rounds } = restarts;
  const backends = [await startPlayBackend(language, context), await startPlayBackend(language, context)];
  try {
    await using under = await startGateway(settingsFor(backends.map(({ address }) => address)));
    using client = new PlayClient(under.address);
    const tally: Tally = { unary: [], streams: [] };
    let isOver = false;
    const load = [
      ...Array.from({ length: UNARY_LOOPS }, () => askOn(client, tally, () => !isOver)),
      ...Array.from({ length: STREAM_LOOPS }, () => talkOn(client, tally, () => !isOver)),
    ];
    const ended = (): number => tally.unary.length + tally.streams.length;
    try {
      for (let round = 0; round < rounds; round += 1) {
        await more(ended, CALLS_BETWEEN);
        await restart(under, backends, round % 2, { context, language, signal });
      }
      await more(ended, CALLS_BETWEEN);
    } finally {
      isOver = true;
    }
    await Promise.all(load);
    judge(tally, signal);
    await expectNothingLeft(under, signal);
  } finally {
    for (const backend of backends) await backend[Symbol.asyncDispose]();
  }
}

/** Looks now and then: all else needs the processor. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function more(count: () => number, by: number): Promise<void> {
  const goal = count() + by;
  await until(() => count() >= goal);
}

/** At the same address; resolves when both take calls. */
async function restart(
  under: GatewayUnderTest,
  backends: ExampleBackend[],
  index: number,
  { context, language, signal }: Omit<Restarts, 'rounds'> & { readonly context: TestContext },
): Promise<void> {
  const old = backends[index];
  if (old === undefined) throw new Error('no such backend');
  old.signal(signal);
  await old.exit;
  backends[index] = await startPlayBackend(language, context, old.address);
  await until(
    () => under.gateway.upstreams[0]?.addresses.every(({ health }) => health === 'serving') ?? false,
  );
}

async function askOn(client: PlayClient, { unary }: Tally, goesOn: () => boolean): Promise<void> {
  for (let n = 0; goesOn(); n += 1) {
    const question = Buffer.from(`question ${String(n)}`);
    unary.push(await client.play({ shape: 'Unary', steps: UNARY_STEPS, requests: [question] }));
  }
}

async function talkOn(client: PlayClient, { streams }: Tally, goesOn: () => boolean): Promise<void> {
  while (goesOn())
    streams.push(
      await client.play({
        shape: 'Talk',
        steps: [['echo', -1]],
        requests: [Buffer.from('1')],
        staysOpen: true,
        onAnswer: (answers, stream) => {
          if (!('write' in stream)) return;
          if (answers === QUESTIONS) stream.end();
          else stream.write(Buffer.from(String(answers + 1)));
        },
      }),
    );
}

function judge({ unary, streams }: Tally, signal: Restarts['signal']): void {
  // Once an answer has begun, gRPC does not allow a call to be made again (gRFC A6).
  const lost = unary.filter(({ status, initial }) => status !== OK && initial === undefined);
  expect(lost).toEqual([]);
  for (const { status, answers } of unary) if (status === OK) expect(answers.count).toBe(1);
  const broken = streams.filter(({ status }) => status !== OK);
  for (const { status, message } of broken) expect(status, message).toBe(UNAVAILABLE);
  for (const { status, answers } of streams) if (status === OK) expect(answers.count).toBe(QUESTIONS);
  if (signal === 'SIGKILL') expect(broken.length).toBeGreaterThan(0);
  // Told to end, a backend ends what it has.
  else
    expect({ broken, unary: unary.filter(({ status }) => status !== OK) }).toEqual({ broken: [], unary: [] });
}

async function expectNothingLeft(under: GatewayUnderTest, signal: Restarts['signal']): Promise<void> {
  const figures = await Figures.of(under.admin);
  expect({
    calls: figures.sum('sluice_proxy_calls'),
    held: figures.sum('sluice_proxy_held_bytes'),
    buffered: figures.sum('sluice_buffered_bytes'),
  }).toEqual({ calls: 0, held: 0, buffered: 0 });
  // Restarts were felt: else nothing has been shown.
  if (signal === 'SIGKILL') expect(figures.sum('sluice_proxy_retries_total')).toBeGreaterThan(0);
}

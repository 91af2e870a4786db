/** A conversation in both directions through the SDK, and the judgement: each message once, in order, with its fate known. */
import { expect } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { ClientError } from '../../src/client/client-error.js';
import type { GapNotice, SessionEnd } from '../../src/client/message.js';
import { FAILS_EVERY, numbered, numberOf, type Taken } from './numbered-route.js';

export interface Exchange {
  readonly client: Client;
  readonly id: string;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Lets others have their turn, and time pass. */
  readonly rest: () => Promise<void>;
  /** Whether it goes on; asked before each message. */
  readonly goesOn: () => boolean;
  /** Where the gateway has lost the session: sends again what is not known to have arrived. Undefined: that must not happen. */
  readonly resends?: boolean;
}

/** What was sent between two resets. */
interface Stretch {
  /** Up to here all was settled when the session was lost; undefined of the last. */
  settled?: number;
  /** The last that was sent and not settled. */
  last?: number;
}

/** What one session has seen. */
export interface Account {
  readonly id: string;
  /** Numbers sent, from 1. */
  readonly sent: number;
  readonly resends: boolean;
  /** Of each `sendAndWait`. */
  readonly fates: ReadonlyMap<number, string>;
  /** Of each `send` that the route failed. */
  readonly failed: readonly number[];
  /** Between resets, in order. */
  readonly stretches: readonly Stretch[];
  /** What came, by the life that sent it, in the order of their first messages. */
  readonly received: ReadonlyMap<number, readonly number[]>;
  readonly faults: readonly string[];
  readonly end: SessionEnd;
}

/** Every so many messages are waited for, each by itself. */
const WAITED_EVERY = 5;
/** The application works on a message for a while, every so many. */
const WORKS_EVERY = 41;
/** Awaited sends under way. */
const MOST_WAITED = 100;
const WINDOW = { messages: 64, bytes: 64 * 1024 };

/** One session's side of it: sends while it goes on, then the last one, and reads until all is answered. */
export async function converse(exchange: Exchange): Promise<Account> {
  const { client, id, rest, goesOn, random, resends } = exchange;
  const fates = new Map<number, string>();
  const failed: number[] = [];
  const stretches: Stretch[] = [];
  const received = new Map<number, number[]>();
  const faults: string[] = [];
  let isComplete = false;
  let somethingNew: () => void = () => undefined;
  let drainedIn = 0;
  let life = 0;

  const session = await client.open('numbered', {
    id,
    window: WINDOW,
    onGap(gap: GapNotice) {
      if (gap.reason === 'drained') drainedIn = life;
      else faults.push(`a gap from ${gap.fromSequence} to ${gap.toSequence}: ${gap.reason}`);
    },
    onFailure(error, message) {
      if (error.code === 'ROUTE_FAILED') failed.push(numberOf(message));
      else faults.push(`${numberOf(message)} failed: ${error.code}`);
    },
    ...(resends !== undefined && {
      onReset(reset) {
        const numbers = reset.unsettled.map(numberOf);
        for (const [index, n] of numbers.entries())
          if (n !== (numbers[0] ?? 0) + index) faults.push(`unsettled are ${numbers.join()}`);
        const [first] = numbers;
        const last = numbers.at(-1);
        stretches.push(first === undefined || last === undefined ? {} : { settled: first - 1, last });
        if (resends) reset.resend();
        somethingNew();
      },
    }),
  });

  const reading = (async () => {
    for await (const message of session) {
      const n = numberOf(message);
      const from = Number(message.metadata.get('life'));
      const before = received.get(from);
      if (before === undefined) received.set(from, [n]);
      else before.push(n);
      if (from < life) faults.push(`${n} of life ${from} came after those of ${life}`);
      life = from;
      if (drainedIn === life) faults.push(`${n} came behind a Gap that says that nothing more comes`);
      if (message.metadata.has('last')) {
        isComplete = true;
        somethingNew();
      }
      if (n % WORKS_EVERY === 0) await rest();
    }
  })();
  // What it fails with fails the sends, too.
  reading.catch(() => undefined);

  const waited = new Set<Promise<void>>();
  const sendAndWait = async (n: number, metadata: Record<string, string> = {}): Promise<void> => {
    try {
      await session.sendAndWait(numbered(n), { metadata });
      fates.set(n, 'done');
    } catch (error) {
      fates.set(n, error instanceof ClientError ? error.code : String(error));
    }
  };

  let n = 0;
  while (goesOn()) {
    n += 1;
    if (n % WAITED_EVERY === 0) {
      const fate = sendAndWait(n).finally(() => waited.delete(fate));
      waited.add(fate);
      if (waited.size >= MOST_WAITED) await Promise.race(waited);
    } else await session.send(numbered(n));
    if (random() < 0.05) await rest();
  }
  const isDone = (): boolean => isComplete;
  while (!isDone()) {
    const news = new Promise<void>((resolve) => (somethingNew = resolve));
    n += 1;
    await sendAndWait(n, { last: '' });
    // Lost with its session, or with the answer: one more.
    if (!isDone() && fates.get(n) !== 'RESET') await Promise.race([news, session.closed]);
  }
  await Promise.all(waited);
  session.end();
  await reading;
  const end = await session.closed;
  return { id, sent: n, resends: resends ?? false, fates, failed, stretches, received, faults, end };
}

/** Of what the client says and what the route has taken: nothing lost, repeated, reordered, or told wrongly. */
export function judge(account: Account, lives: readonly Taken[]): void {
  const { id, sent, fates, failed, stretches, received, faults, end } = account;
  expect({ id, faults, end }).toEqual({
    id,
    faults: [],
    end: { error: undefined, discarded: 0, failed: 0, unsettled: [], unsent: [] },
  });
  for (const { faults: ofRoute, numbers } of lives) {
    expect(ofRoute).toEqual([]);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  }
  judgeUpwards(account, lives);
  judgeFates(fates, failed, lives, stretches, sent);
  const known = new Map(lives.map((taken) => [taken.life, taken]));
  for (const [life, numbers] of received) {
    const taken = known.get(life);
    expect(taken, `life ${life} of ${id}`).toBeDefined();
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeLessThanOrEqual(taken?.sent ?? 0);
  }
  const last = lives.findLast(({ numbers }) => numbers.length > 0);
  // Of the life that was ended in good order nothing is missing.
  expect(received.get(last?.life ?? 0)?.length).toBe(last?.numbers.length);
}

function judgeUpwards({ id, sent, stretches, resends }: Account, lives: readonly Taken[]): void {
  const taken = lives.flatMap(({ numbers }) => numbers);
  const times = new Map<number, number>();
  for (const n of taken) times.set(n, (times.get(n) ?? 0) + 1);
  /** Numbers of which nobody knows: sent before a reset, and not settled. */
  const inDoubt = new Set<number>();
  for (const { settled, last } of stretches) {
    if (settled === undefined || last === undefined) continue;
    for (let n = settled + 1; n <= last; n += 1) inDoubt.add(n);
  }
  const wrong: string[] = [];
  for (let n = 1; n <= sent; n += 1) {
    const count = times.get(n) ?? 0;
    const isRight = !inDoubt.has(n) ? count === 1 : resends ? count >= 1 : count <= 1;
    if (!isRight) wrong.push(`${n} was taken ${count} times${inDoubt.has(n) ? ', in doubt' : ''}`);
  }
  expect({ id, wrong: wrong.slice(0, 10) }).toEqual({ id, wrong: [] });
  // In order over all lives, save what was sent again.
  if (!resends) expect(taken).toEqual([...taken].sort((a, b) => a - b));
}

function judgeFates(
  fates: ReadonlyMap<number, string>,
  failed: readonly number[],
  lives: readonly Taken[],
  stretches: readonly Stretch[],
  sent: number,
): void {
  const taken = new Set(lives.flatMap(({ numbers }) => numbers));
  const inDoubt = (n: number): boolean =>
    stretches.some(
      ({ settled, last }) => settled !== undefined && last !== undefined && n > settled && n <= last,
    );
  const wrong: string[] = [];
  for (const [n, fate] of fates) {
    const known = n % FAILS_EVERY === 0 ? 'ROUTE_FAILED' : 'done';
    const isRight = fate === known ? taken.has(n) : inDoubt(n);
    if (!isRight) wrong.push(`${n} was told ${fate}`);
  }
  for (const n of failed)
    if (n % FAILS_EVERY !== 0 || !taken.has(n)) wrong.push(`${n} was told to have failed`);
  const told = new Set(failed);
  if (told.size !== failed.length) wrong.push('a failure was told twice');
  for (let n = FAILS_EVERY; n <= sent; n += FAILS_EVERY)
    if (!told.has(n) && !fates.has(n) && !inDoubt(n)) wrong.push(`${n} failed, and nobody was told`);
  expect(wrong.slice(0, 10)).toEqual([]);
}

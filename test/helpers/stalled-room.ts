/** A room of which some never take anything: what the others, the publisher and the memory notice of it. */
import { expect } from 'vitest';
import { connect, type GapNotice } from '../../src/client/index.js';
import type { Totals } from '../../src/metrics/totals.js';
import { type RoomsUnderTest, startRooms } from './rooms.js';
import { framedMessage, WireClient } from './wire-client.js';

export interface StalledRoom {
  readonly subscribers: number;
  /** Half of them opened sessions that acknowledge nothing, half simple connections that are not read. */
  readonly stalled: number;
  readonly messages: number;
}

const KIB = 1_024;
const MESSAGE_BYTES = KIB;
/** What an opened session may hold: its window, and what waits. */
const WINDOW = 64;
const WAITING = 128;
/** How far the publisher runs ahead of those who read: less than may wait for them. */
const AHEAD = 64;

type Session = Awaited<ReturnType<ReturnType<typeof connect>['open']>>;

async function totalsOf(rooms: RoomsUnderTest): Promise<Totals> {
  return (await (await fetch(`${rooms.admin}/totals`)).json()) as Totals;
}

const bodyOf = (n: number): string => String(n).padEnd(MESSAGE_BYTES, '.');

export async function expectStalledRoom({ subscribers, stalled, messages }: StalledRoom): Promise<void> {
  const perConnection = 50;
  await using rooms = await startRooms({
    waiting: { messages: WAITING, bytes: 2 * KIB * KIB },
    settings: {
      'pool.maxConnectionsPerClient': 1_000,
      'session.maxPerClient': 10_000,
      // Those who take nothing are not waited for at the end.
      'server.drainGrace': '300ms',
      'session.waitingMessages': WAITING,
      'stream.sendQueueMessages': WAITING,
      'stream.sendTimeout': '60s',
      // Nothing but the topic may end anybody, however long a busy machine takes.
      'session.idleTimeout': '10m',
      'health.maxInactivity': '10m',
    },
  });
  await using client = connect(rooms.address, { sessionsPerStream: perConnection, maxStreams: 100 });
  const open = (onGap?: (gap: GapNotice) => void): Promise<Session> =>
    client.open('rooms', { subject: 'tea', window: { messages: WINDOW }, ...(onGap && { onGap }) });

  const silent = Math.floor(stalled / 2);
  const unread = Array.from({ length: stalled - silent }, () => new WireClient(rooms.address));
  await using _gone = {
    [Symbol.asyncDispose]: () => {
      for (const wire of unread) wire.session.destroy();
      return Promise.resolve();
    },
  };
  const gaps: GapNotice[] = [];
  const stalledSessions = await Promise.all(
    Array.from({ length: silent }, () => open((gap) => gaps.push(gap))),
  );
  const hello = framedMessage({ sessionId: 's', metadata: new Map([['x-presence', 'unfollow']]) });
  for (const wire of unread) wire.open({ 'x-route': 'rooms', 'x-subject': 'tea' }).write(hello);
  const readers = await Promise.all(Array.from({ length: subscribers - stalled }, () => open()));
  await expect.poll(() => rooms.topic.levels.subscribers, { timeout: 30_000 }).toBe(subscribers);

  let slowest = 0;
  const places = readers.map(() => 0);
  let wake: (() => void) | undefined;
  const reading = readers.map(async (session, reader) => {
    for await (const { text } of session) {
      const place = places[reader] ?? 0;
      // Each, in order, and nothing else: without onGap a loss would throw.
      if (text !== bodyOf(place)) throw new Error(`reader ${reader}: ${text.slice(0, 20)} at ${place}`);
      places[reader] = place + 1;
      if (place === slowest) {
        slowest = Math.min(...places);
        wake?.();
      }
      if (place + 1 === messages) return;
    }
  });
  for (let n = 0; n < messages; n += 1) {
    while (n - slowest >= AHEAD) await new Promise<void>((resolve) => (wake = resolve));
    // Done at once, whoever takes nothing.
    const published = rooms.topic.publish('tea', { data: Buffer.from(bodyOf(n)), from: 'speaker' });
    if (published instanceof Promise) throw new Error('the publisher was held');
  }
  await Promise.all(reading);

  // Nobody was kept waiting, and nothing was refused.
  expect(rooms.topic.counters).toMatchObject({
    published: messages,
    delivered: messages * subscribers,
    held: 0,
    tooSlow: 0,
    publishesRefused: 0,
  });
  const { bytes, queues } = await totalsOf(rooms);
  const perMessage = MESSAGE_BYTES + 512;
  expect(bytes.buffered).toBeLessThan(
    silent * (WINDOW + WAITING + 1) * perMessage +
      unread.length * (WAITING + 1) * perMessage +
      subscribers * 2 * KIB +
      KIB * KIB,
  );
  expect(queues.send.messages).toBeLessThanOrEqual(unread.length * WAITING);
  expect(rooms.topic.levels.historyMessages).toBeLessThanOrEqual(100);

  // Whoever takes up again gets the newest, and is told of all that is missing.
  const [late] = stalledSessions;
  if (late !== undefined) {
    const got: number[] = [];
    while (got.at(-1) !== messages - 1) got.push(Number.parseInt((await late.receive())?.text ?? 'NaN', 10));
    expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
    const lost = gaps.reduce((sum, { fromSequence, toSequence }) => sum + toSequence - fromSequence + 1, 0);
    expect(got.length + lost).toBe(messages);
    expect(got.length).toBeGreaterThanOrEqual(WAITING);
    expect(lost).toBeGreaterThan(0);
  }
}

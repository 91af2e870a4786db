import { expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import { MAX_PUBLISHED_METADATA } from '../../../../src/engine/topic-message.js';
import { DeadLetterTarget, deadLetterPlace } from '../../../../src/routes/options/dead-letter-target.js';
import { DeadLetters } from '../../../../src/routes/options/dead-letter.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import type { Route, RouteSession } from '../../../../src/session/route.js';
import type { TopicPublication, TopicRoute } from '../../../../src/session/topic-route.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { MAX_METADATA_ENTRIES, type DataMessage } from '../../../../src/wire/messages.js';
import { FakeSession } from '../../../helpers/fake-session.js';
import { RecordingLogger } from '../../../helpers/recording-logger.js';
import { testTopics } from '../../../helpers/test-topics.js';

const failing = (error: Error): Route => ({
  kind: 'failing',
  open: () => ({
    handle(message) {
      if (message.key === 'good') return undefined;
      if (message.key === 'later') return Promise.reject(error);
      throw error;
    },
  }),
});

/** Keeps the letters it is given; fails those with the key `bad`. */
class Keeper implements Route {
  readonly kind = 'keeper';
  readonly letters: DataMessage[] = [];
  readonly sessions: RouteSession[] = [];
  closed = 0;

  open(session: RouteSession) {
    this.sessions.push(session);
    return {
      handle: async (message: DataMessage) => {
        await Promise.resolve();
        if (message.key === 'bad') throw new Error('not this one');
        this.letters.push(message);
        // What it answers goes nowhere.
        void session.send({ data: message.data });
        if (message.key === 'end') session.end();
      },
      closed: () => (this.closed += 1),
    };
  }
}

function world(error: Error, to: Route, outcome: 'accepted' | 'failed' = 'accepted', place = 'dead') {
  const counters = new RouteCounters();
  const logger = new RecordingLogger();
  const target = new DeadLetterTarget({
    place: deadLetterPlace(place),
    source: 'orders',
    find: (name) => (name === 'dead' ? to : undefined),
    wallNow: () => 1_000,
  });
  const route = new DeadLetters(failing(error), { name: 'orders', target, outcome, logger, counters });
  return { counters, logger, route, session: new FakeSession(route) };
}

const noGood = new SluiceError('ROUTE_FAILED', 'no good');

test('what fails goes to the other route, with what it was, and counts as accepted', async () => {
  const keeper = new Keeper();
  const { counters, route, session } = world(noGood, keeper);
  expect(session.handle('fine', { key: 'good' })).toBeUndefined();
  await session.handle('one', {
    metadata: new Map([
      ['a', 'b'],
      ['x-route', 'forged'],
    ]),
  });
  await session.handle('two', { key: 'later' });
  expect(keeper.letters.map(({ data, sequence }) => [Buffer.from(data).toString(), sequence])).toEqual([
    ['one', 1],
    ['two', 2],
  ]);
  expect(Object.fromEntries(keeper.letters[0]?.metadata ?? [])).toEqual({
    a: 'b',
    'x-error-code': 'ROUTE_FAILED',
    'x-error': 'no good',
    'x-route': 'orders',
    'x-subject': 'tea',
    'x-client-id': 'ann',
    'x-session-id': 's1',
    'x-sequence': '2',
  });
  expect(keeper.letters[1]?.key).toBe('later');
  expect(keeper.sessions).toHaveLength(1);
  expect(keeper.sessions[0]).toMatchObject({ sessionId: 'dead-letter:orders', subject: 'orders' });
  expect(counters).toMatchObject({ deadLettered: 2, deadLetterFailures: 0 });
  route.stop();
  await expect.poll(() => keeper.closed).toBe(1);
});

test('it has room for what says so among the metadata, whatever the client brought', async () => {
  const keeper = new Keeper();
  const { session } = world(noGood, keeper);
  const much = Array.from({ length: MAX_METADATA_ENTRIES }, (_, n) => [`m${n}`, ''] as const);
  await session.handle('one', { metadata: new Map(much) });
  const { metadata } = keeper.letters[0] ?? {};
  expect(metadata?.size).toBe(MAX_PUBLISHED_METADATA);
  expect(metadata?.get('x-sequence')).toBe('1');
});

test('a topic takes it whatever the client brought, though it adds to it', async () => {
  const clock = new FakeClock();
  const topics = testTopics(clock);
  const { session, counters } = world(noGood, topics);
  const much = Array.from({ length: MAX_METADATA_ENTRIES }, (_, n) => [`m${n}`, ''] as const);
  await session.handle('one', { metadata: new Map(much) });
  expect(topics.topic.counters.published).toBe(1);
  expect(counters).toMatchObject({ deadLettered: 1, deadLetterFailures: 0 });
});

test('where the client is to be told, it is', async () => {
  const keeper = new Keeper();
  const { session } = world(noGood, keeper, 'failed');
  await expect(session.handle('one')).rejects.toBe(noGood);
  expect(keeper.letters).toHaveLength(1);
});

test('the text of an unknown error goes to the log alone', async () => {
  const keeper = new Keeper();
  const { logger, session } = world(new Error('secret'), keeper);
  await session.handle('one');
  expect([...(keeper.letters[0]?.metadata?.values() ?? [])].join()).not.toContain('secret');
  expect(logger.messages('warn')).toEqual(['a message went to the dead letter']);
});

test('what the dead letter fails on fails as it did', async () => {
  const { counters, logger, session } = world(noGood, failing(new Error('full')));
  await expect(session.handle('one')).rejects.toBe(noGood);
  expect(counters).toMatchObject({ deadLettered: 0, deadLetterFailures: 1 });
  expect(logger.messages('error')).toEqual(['a dead letter was not taken']);
});

test('one failure there is not the next one, and an ended session is opened again', async () => {
  const keeper = new Keeper();
  const { session } = world(noGood, keeper);
  await expect(session.handle('one', { key: 'bad' })).rejects.toBe(noGood);
  await session.handle('two', { key: 'end' });
  await session.handle('three');
  expect(keeper.letters).toHaveLength(2);
  expect(keeper.sessions).toHaveLength(2);
  await expect.poll(() => keeper.closed).toBe(1);
});

test.each(['PERMISSION_DENIED', 'UNAUTHENTICATED'] as const)(
  '%s is told, and fills no dead letter',
  async (code) => {
    const keeper = new Keeper();
    const { session } = world(new SluiceError(code, 'no'), keeper);
    await expect(session.handle('one')).rejects.toMatchObject({ code });
    expect(keeper.letters).toEqual([]);
  },
);

test('what failed for its session has ended is dropped with it', async () => {
  const keeper = new Keeper();
  const { session } = world(noGood, keeper);
  session.close();
  await expect(session.handle('one')).rejects.toBe(noGood);
  expect(keeper.letters).toEqual([]);
});

test.each([
  ['dead', 'orders'],
  ['dead/letters/all', 'letters/all'],
])('to %s, a topic, it is published', async (place, subject) => {
  const published: [string, TopicPublication][] = [];
  const topic = {
    publish(to: string, publication: TopicPublication) {
      published.push([to, publication]);
      return { sequence: 1, subscribers: 0, duplicate: false };
    },
  } as unknown as TopicRoute;
  const { session } = world(noGood, { ...failing(noGood), topic }, 'accepted', place);
  await session.handle('one', { key: 'k' });
  expect(published).toMatchObject([[subject, { key: 'k', from: 'ann' }]]);
});

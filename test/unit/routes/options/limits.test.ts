import { expect, test } from 'vitest';
import { MaxMessageSize } from '../../../../src/routes/options/max-message-size.js';
import { MaxSessions } from '../../../../src/routes/options/max-sessions.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import type { Route } from '../../../../src/session/route.js';
import { FROM_NOW_ON } from '../../../../src/session/topic-route.js';
import { FakeSession } from '../../../helpers/fake-session.js';
import { testTopics } from '../../../helpers/test-topics.js';

const echo: Route = { kind: 'echo', open: (session) => ({ handle: (message) => session.send(message) }) };

test('maxSessions refuses the one over it, by name, and takes another when one has ended', () => {
  const counters = new RouteCounters();
  const route = new MaxSessions(echo, { name: 'orders', max: 2, counters });
  const first = new FakeSession(route);
  new FakeSession(route);
  expect(() => new FakeSession(route)).toThrow(
    expect.objectContaining({
      code: 'SESSION_LIMIT',
      message: expect.stringContaining('routes.orders.maxSessions = 2') as string,
      retryAfterMs: 5_000,
    }),
  );
  expect(counters).toMatchObject({ sessions: 2, sessionsRefused: 1 });
  first.close();
  new FakeSession(route);
  expect(counters.sessions).toBe(2);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
  ['returns no handler', () => ({}) as never],
])('a session whose route %s is not counted', (_, open) => {
  const counters = new RouteCounters();
  const route = new MaxSessions({ kind: 'bad', open }, { name: 'bad', max: 1, counters });
  expect(() => new FakeSession(route)).toThrow();
  expect(counters.sessions).toBe(0);
});

test('maxMessageSize fails what is larger, and only that', () => {
  const counters = new RouteCounters();
  const session = new FakeSession(new MaxMessageSize(echo, { name: 'small', maxBytes: 4, counters }));
  void session.handle('1234');
  expect(() => session.handle('12345')).toThrow(
    expect.objectContaining({
      code: 'MESSAGE_TOO_LARGE',
      message: 'the payload has 5 bytes, route "small" takes 4 (routes.small.maxMessageSize)',
    }),
  );
  void session.handle('1');
  expect(session.texts).toEqual(['1234', '1']);
  expect(counters.messagesTooLarge).toBe(1);
});

test('maxMessageSize is for what comes by Publish, too; all else of a topic is as it was', () => {
  const counters = new RouteCounters();
  const topics = testTopics();
  const route = new MaxMessageSize(topics, { name: 'rooms', maxBytes: 4, counters });
  const { topic } = route;
  expect(route.topic).toBe(topic);
  const heard: string[] = [];
  const subscription = topic?.subscribe('tea', FROM_NOW_ON, {
    deliver: ({ data }) => void heard.push(Buffer.from(data).toString()),
    missed: () => undefined,
  });
  const publish = (text: string) => topic?.publish('tea', { data: Buffer.from(text), from: 'ann' });
  expect(publish('1234')).toMatchObject({ subscribers: 1 });
  expect(() => publish('12345')).toThrow(
    expect.objectContaining({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('route "rooms" takes 4') as string,
    }),
  );
  expect(heard).toEqual(['1234']);
  expect(counters.messagesTooLarge).toBe(1);
  expect(topic).toMatchObject({
    overflow: 'drop-oldest',
    levels: { subscribers: 1 },
    counters: { published: 1 },
  });
  subscription?.close();
  expect(topic?.levels.subscribers).toBe(0);
  expect(new MaxMessageSize(echo, { name: 'small', maxBytes: 4, counters }).topic).toBeUndefined();
  topics.stop?.();
});

test('a wrapper is what it wraps in everything else', async () => {
  const calls: string[] = [];
  const inner: Route = {
    kind: 'special',
    wantsRecent: true,
    wantsWhole: true,
    pipelined: true,
    overflow: 'conflate',
    allowedOverflow: ['block'],
    start: () => Promise.resolve(void calls.push('start')),
    stop: () => void calls.push('stop'),
    open: () => ({
      handle: () => undefined,
      aggregates: () => new Map([['n', 1]]),
      closed: () => void calls.push('closed'),
    }),
  };
  const route = new MaxSessions(inner, { name: 'x', max: 9, counters: new RouteCounters() });
  expect(route).toMatchObject({
    ...{ kind: 'special', wantsRecent: true, wantsWhole: true, pipelined: true },
    ...{ overflow: 'conflate', allowedOverflow: ['block'], topic: undefined },
  });
  await route.start();
  const session = new FakeSession(route);
  expect(session.handler.aggregates?.().get('n')).toBe(1);
  session.close();
  route.stop();
  expect(calls).toEqual(['start', 'closed', 'stop']);
});

import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import { topicMessage } from '../../../src/engine/topic-message.js';
import { TopicDelivery } from '../../../src/routes/topic-delivery.js';
import type { Overflow, RouteMessage, RouteSession } from '../../../src/session/route.js';
import { FROM_NOW_ON, type TopicMessage } from '../../../src/session/topic-route.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';
import { Held } from '../../helpers/gate.js';

/** A session that takes at once, or when the test says so. */
class Session implements RouteSession {
  readonly clientId = 'bob';
  identity: Identity = anonymousIdentity('bob');
  readonly sessionId = 's';
  readonly subject = 'tea';
  readonly start = FROM_NOW_ON;
  readonly signal = new AbortController().signal;
  readonly recent = [];
  readonly overflow: Overflow;
  attached = true;
  readonly sent: string[] = [];
  error: SluiceError | undefined;
  /** What the next sends return, or throw. */
  readonly next: (Held<void> | SluiceError)[] = [];
  onFail: (() => void) | undefined;

  constructor(overflow: Overflow) {
    this.overflow = overflow;
  }

  send({ data, metadata, ttlMs = 0 }: RouteMessage): undefined | Promise<void> {
    const answer = this.next.shift();
    if (answer instanceof SluiceError) throw answer;
    const missed = metadata?.get('x-topic-missed');
    const text = missed ?? Buffer.from(data ?? []).toString();
    this.sent.push(ttlMs === 0 ? text : `${text} for ${ttlMs}`);
    return answer?.promise;
  }

  end(): void {
    throw new Error('not by this');
  }

  fail(error: SluiceError): void {
    this.error = error;
    this.onFail?.();
  }
}

function world(overflow: Overflow, waiting = { messages: 2, bytes: 10_000 }) {
  const clock = new FakeClock();
  const session = new Session(overflow);
  const queued = { messages: 0, bytes: 0, dropped: 0 };
  let idle = 0;
  let closed = 0;
  const delivery = new TopicDelivery({
    session,
    clock,
    route: 'rooms',
    waiting,
    sendTimeoutMs: 15_000,
    queued,
    onIdle: () => (idle += 1),
  });
  session.onFail = () => {
    delivery.close();
  };
  delivery.bind({ position: 0, close: () => (closed += 1) });
  let sequence = 0;
  const deliver = (more: { ttlMs?: number; key?: string } = {}): undefined | Promise<void> => {
    sequence += 1;
    return delivery.deliver(messageOf(sequence, more));
  };
  return { clock, session, delivery, queued, deliver, idle: () => idle, closed: () => closed };
}

function messageOf(sequence: number, more: { ttlMs?: number; key?: string }): TopicMessage {
  return topicMessage({ data: Buffer.from(String(sequence)), from: 'ann', ...more }, sequence, 0);
}

/** Whether it is settled by now. */
async function isDone(promise: undefined | Promise<void>): Promise<boolean> {
  let done = promise === undefined;
  void promise?.then(() => (done = true));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  return done;
}

describe('a session that follows a topic', () => {
  it('gets what it can take straight away', () => {
    const { session, deliver } = world('drop-oldest');
    expect([deliver(), deliver()]).toEqual([undefined, undefined]);
    expect(session.sent).toEqual(['1', '2']);
  });

  it.each([
    ['drop-oldest', ['1', '2-3', '4', '5']],
    ['drop-newest', ['1', '2', '3', '4-5']],
    ['conflate', ['1', '2-3', '4', '5']],
  ] as const)(
    'drops by its own policy behind a send that waits, and says what: %s',
    async (overflow, sent) => {
      const { session, deliver, idle, queued } = world(overflow);
      const wait = new Held<void>();
      session.next.push(wait);
      for (let n = 1; n <= 5; n += 1) expect(deliver()).toBeUndefined();
      expect(session.sent).toEqual(['1']);
      expect(queued).toMatchObject({ messages: 2, dropped: 2 });
      wait.resolve();
      expect(await isDone(wait.promise)).toBe(true);
      expect(queued).toEqual({ messages: 0, bytes: 0, dropped: 2 });
      expect(session.sent).toEqual(sent);
      expect(idle()).toBe(1);
      expect(deliver()).toBeUndefined();
      expect(session.sent.at(-1)).toBe('6');
    },
  );

  it('keeps the last of each key under conflate', async () => {
    const { session, deliver } = world('conflate');
    const wait = new Held<void>();
    session.next.push(wait);
    void deliver();
    for (const key of ['a', 'b', 'a', 'a']) void deliver({ key });
    wait.resolve();
    await isDone(wait.promise);
    expect(session.sent).toEqual(['1', '2-2', '3', '4-4', '5']);
  });

  it('ends a slow consumer under disconnect', () => {
    const { session, deliver, closed } = world('disconnect');
    session.next.push(new Held());
    for (let n = 1; n <= 3; n += 1) void deliver();
    expect(session.error).toBeUndefined();
    void deliver();
    expect(session.error).toMatchObject({
      code: 'SLOW_CONSUMER',
      message: expect.stringMatching(
        /rooms\/tea while 2 others of \d+ bytes wait already .*its policy is disconnect/,
      ),
    });
    expect(closed()).toBe(1);
    expect(deliver()).toBeUndefined();
    expect(session.sent).toEqual(['1']);
  });

  it('drops what has expired while it waited, and passes on the time that is left', async () => {
    const { session, deliver, clock } = world('drop-oldest', { messages: 9, bytes: 10_000 });
    const wait = new Held<void>();
    session.next.push(wait);
    void deliver();
    void deliver({ ttlMs: 100 });
    void deliver({ ttlMs: 1_000 });
    clock.advance(100);
    wait.resolve();
    await isDone(wait.promise);
    expect(session.sent).toEqual(['1', '2-2', '3 for 900']);
  });

  it('is told of one message that is too large for it, and of what is missing, in order', async () => {
    const { session, deliver, delivery } = world('drop-oldest');
    session.next.push(new SluiceError('MESSAGE_TOO_LARGE', 'no'));
    void deliver();
    expect(session.sent).toEqual(['1-1']);
    delivery.missed(5, 6);
    const wait = new Held<void>();
    session.next.push(wait);
    void deliver();
    delivery.missed(7, 8);
    void deliver();
    // Refused when its turn came.
    wait.reject(new SluiceError('MESSAGE_TOO_LARGE', 'no'));
    await isDone(wait.promise.catch(() => undefined));
    expect(session.sent).toEqual(['1-1', '5-6', '2', '2-2', '7-8', '3']);
  });

  it('is left when its session takes nothing any more', async () => {
    const { session, deliver, closed } = world('drop-oldest');
    const wait = new Held<void>();
    session.next.push(wait);
    void deliver();
    void deliver();
    wait.reject(new SluiceError('INTERNAL', 'it has ended'));
    await isDone(wait.promise.catch(() => undefined));
    expect(closed()).toBe(1);
    expect(session.sent).toEqual(['1']);
  });

  it('ends when a renewed token no longer lets it follow', () => {
    const { session, deliver } = world('drop-oldest');
    void deliver();
    session.identity = { ...session.identity, allows: () => true };
    void deliver();
    session.identity = { ...session.identity, allows: (action) => action !== 'subscribe' };
    void deliver();
    expect(session.sent).toEqual(['1', '2']);
    expect(session.error).toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

describe('under block', () => {
  it('holds the publisher until its session has room', async () => {
    const { session, deliver } = world('block');
    const wait = new Held<void>();
    session.next.push(wait);
    const held = deliver();
    expect(await isDone(held)).toBe(false);
    wait.resolve();
    expect(await isDone(held)).toBe(true);
    expect(deliver()).toBeUndefined();
  });

  it('holds nobody while its client is away; what waits is bounded', async () => {
    const { session, deliver } = world('block');
    session.attached = false;
    session.next.push(new Held());
    expect([deliver(), deliver(), deliver()]).toEqual([undefined, undefined, undefined]);
    expect(session.error).toBeUndefined();
    expect(deliver()).toBeUndefined();
    expect(session.error?.code).toBe('SLOW_CONSUMER');
  });

  it('lets the publisher go when its client leaves, and holds it again behind what waits when it is back', async () => {
    const { session, deliver, delivery } = world('block');
    const wait = new Held<void>();
    session.next.push(wait);
    const held = deliver();
    session.attached = false;
    delivery.detached();
    expect(await isDone(held)).toBe(true);
    expect([deliver(), deliver()]).toEqual([undefined, undefined]);
    session.attached = true;
    const behind = deliver();
    expect(await isDone(behind)).toBe(false);
    expect(session.sent).toEqual(['1']);
    wait.resolve();
    expect(await isDone(behind)).toBe(true);
    expect(session.sent).toEqual(['1', '2', '3', '4']);
  });

  it('is ended when it is too slow', async () => {
    const { session, deliver, delivery } = world('block');
    session.next.push(new Held());
    const held = deliver();
    delivery.tooSlow();
    expect(session.error).toMatchObject({
      code: 'SLOW_CONSUMER',
      message: expect.stringContaining('for 15000 ms (stream.sendTimeout), and its policy is block'),
    });
    expect(await isDone(held)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { FROM_NOW_ON, type Published } from '../../../src/session/topic-route.js';
import { EncodedMetadata } from '../../../src/wire/encoded-metadata.js';
import { Held } from '../../helpers/gate.js';
import { Follower, publication, topicsOf } from '../../helpers/topics.js';

const NOTHING = {
  topics: 0,
  subscribers: 0,
  historyMessages: 0,
  historyBytes: 0,
  idempotencyKeys: 0,
  waitingPublishes: 0,
  waitingPublishBytes: 0,
};

function now(published: Published | Promise<Published>): Published {
  if (published instanceof Promise) throw new Error('it is held');
  return published;
}

describe('publishing', () => {
  it('reaches every subscriber with the same object, numbered from the time the topic began', () => {
    const { topics, clock } = topicsOf();
    const followers = [new Follower('a'), new Follower('b')];
    for (const follower of followers) topics.subscribe('tea', FROM_NOW_ON, follower);
    const first = now(topics.publish('tea', publication('one', { metadata: new Map([['n', '1']]) })));
    const second = now(topics.publish('tea', publication('two')));
    expect(first).toEqual({ sequence: expect.any(Number), subscribers: 2, duplicate: false });
    expect(first.sequence).toBeGreaterThan(clock.wallNow() * 1_000);
    expect(second.sequence).toBe(first.sequence + 1);
    const [a, b] = followers;
    expect(a?.texts).toEqual(['one', 'two']);
    expect(a?.messages[0]).toBe(b?.messages[0]);
    const metadata = a?.messages[0]?.metadata;
    expect(metadata).toBeInstanceOf(EncodedMetadata);
    expect([...(metadata ?? [])]).toEqual([
      ['x-topic-sequence', String(first.sequence)],
      ['x-from', 'ann'],
      ['n', '1'],
    ]);
    topics.stop();
  });

  it('lets nobody pass for another', () => {
    const { topics } = topicsOf();
    const follower = new Follower();
    topics.subscribe('tea', FROM_NOW_ON, follower);
    const metadata = new Map([
      ['x-from', 'root'],
      ['X-From', 'root'],
      ['x-topic-sequence', '1'],
      ['x-presence', 'join'],
      ['x-client-id', 'root'],
      ['x-topic-missed', '1-2'],
    ]);
    now(topics.publish('tea', publication('one', { metadata })));
    expect([...(follower.messages[0]?.metadata.keys() ?? [])]).toEqual(['x-topic-sequence', 'x-from']);
    topics.stop();
  });

  it('keeps data of its own, not what it came in', () => {
    const { topics } = topicsOf();
    const chunk = Buffer.alloc(1_000, 'x');
    now(topics.publish('tea', { data: chunk.subarray(0, 3), from: 'ann' }));
    chunk.fill('y');
    const follower = new Follower();
    topics.subscribe('tea', { afterSequence: 0, history: 9 }, follower);
    expect(follower.texts).toEqual(['xxx']);
    expect(follower.messages[0]?.data.buffer.byteLength).toBe(3);
    topics.stop();
  });

  it('refuses more metadata than a message may have, and keys that can not be printed', () => {
    const { topics } = topicsOf();
    const metadata = new Map(Array.from({ length: 63 }, (_, n) => [`n${n}`, '']));
    expect(() => topics.publish('tea', publication('x', { metadata }))).toThrow(
      expect.objectContaining({
        code: 'INVALID_MESSAGE',
        message: expect.stringContaining('62 are allowed'),
      }),
    );
    for (const idempotencyKey of ['a\nb', 'x'.repeat(129)]) {
      expect(() => topics.publish('tea', publication('x', { idempotencyKey }))).toThrow(
        expect.objectContaining({
          code: 'INVALID_MESSAGE',
          message: expect.stringContaining('idempotency key'),
        }),
      );
    }
    expect(topics.levels).toEqual(NOTHING);
  });
});

describe('who joins later', () => {
  it('gets the last of the history, or all after a position, and is told what is missing', () => {
    const { topics } = topicsOf();
    const sequences = [1, 2, 3, 4, 5, 6, 7, 8].map(
      (n) => now(topics.publish('tea', publication(String(n)))).sequence,
    );
    const [first = 0] = sequences;
    const join = (afterSequence: number, history: number): Follower => {
      const follower = new Follower();
      const subscription = topics.subscribe('tea', { afterSequence, history }, follower);
      expect(subscription.position).toBe(first + 7);
      subscription.close();
      return follower;
    };
    expect(join(0, 0).log).toEqual([]);
    expect(join(0, 2).log).toEqual(['7', '8']);
    expect(join(0, 99).log).toEqual(['4', '5', '6', '7', '8']);
    expect(join(first + 4, 0).log).toEqual(['6', '7', '8']);
    expect(join(first + 4, 1).log).toEqual(['6', '7', '8']);
    expect(join(first, 0).log).toEqual([[first + 1, first + 2], '4', '5', '6', '7', '8']);
    expect(join(first + 7, 0).log).toEqual([]);
    // From before a restart.
    expect(join(17, 0).log).toEqual([[18, first + 2], '4', '5', '6', '7', '8']);
    expect(() => topics.subscribe('tea', { afterSequence: first + 8, history: 0 }, new Follower())).toThrow(
      expect.objectContaining({ code: 'INVALID_MESSAGE' }),
    );
    topics.stop();
  });

  it('gets only what is still worth it, with the time that is left', () => {
    const { topics, clock } = topicsOf();
    const first = now(topics.publish('tea', publication('short', { ttlMs: 1_000 }))).sequence;
    now(topics.publish('tea', publication('long', { ttlMs: 5_000 })));
    now(topics.publish('tea', publication('for good')));
    clock.advance(1_500);
    const last = new Follower();
    topics.subscribe('tea', { afterSequence: 0, history: 9 }, last);
    expect(last.log).toEqual(['long', 'for good']);
    expect(last.messages.map(({ ttlMs }) => ttlMs)).toEqual([3_500, 0]);
    const after = new Follower();
    topics.subscribe('tea', { afterSequence: first - 1, history: 0 }, after);
    expect(after.log).toEqual([[first, first], 'long', 'for good']);
    topics.stop();
  });

  it('gets the last of each key where the history is conflated', () => {
    const { topics } = topicsOf({ history: { conflate: true } });
    for (const text of ['a1', 'b1', 'a2', 'a3', 'c1'])
      now(topics.publish('tea', publication(text, { key: text[0] ?? '' })));
    const follower = new Follower();
    topics.subscribe('tea', { afterSequence: 0, history: 9 }, follower);
    expect(follower.log).toEqual(['b1', 'a3', 'c1']);
    expect(topics.levels.historyMessages).toBe(3);
    topics.stop();
  });

  it('gets nothing of a key whose last message is larger than what is kept', () => {
    const { topics } = topicsOf({ history: { conflate: true, bytes: 1_000 } });
    now(topics.publish('tea', publication('old', { key: 'k' })));
    now(topics.publish('tea', publication('x'.repeat(2_000), { key: 'k' })));
    const follower = new Follower();
    topics.subscribe('tea', { afterSequence: 0, history: 10 }, follower);
    expect(follower.texts).toEqual([]);
    expect(topics.levels.historyMessages).toBe(0);
    topics.stop();
  });

  it('finds no more than the bounds allow: messages and bytes of the topic, bytes of all', () => {
    const { topics } = topicsOf({ history: { messages: 4, bytes: 400, totalBytes: 5_000 } });
    const held = (subject: string): readonly string[] => {
      const follower = new Follower();
      topics.subscribe(subject, { afterSequence: 0, history: 9 }, follower).close();
      return follower.texts;
    };
    for (let n = 0; n < 6; n += 1) now(topics.publish('many', publication(String(n))));
    expect(held('many')).toEqual(['2', '3', '4', '5']);
    for (const letter of 'abc') now(topics.publish('large', publication(letter.repeat(170))));
    expect(held('large').map(([letter]) => letter)).toEqual(['c']);
    now(topics.publish('too large', publication('x'.repeat(401))));
    expect(held('too large')).toEqual([]);
    // The oldest of all topics gave way.
    expect(held('many')).toEqual(['3', '4', '5']);
    expect(topics.levels.historyBytes).toBeLessThanOrEqual(5_000);
    topics.stop();
  });
});

describe('an idempotency key', () => {
  it('makes the second of two equal messages the first', () => {
    const { topics } = topicsOf();
    const follower = new Follower();
    topics.subscribe('tea', FROM_NOW_ON, follower);
    const message = publication('one', { idempotencyKey: 'k', key: 'x', metadata: new Map([['a', 'b']]) });
    const first = now(topics.publish('tea', message));
    expect(topics.publish('tea', { ...message, metadata: new Map([['a', 'b']]) })).toEqual({
      ...first,
      duplicate: true,
    });
    for (const other of [
      { data: Buffer.from('two') },
      { key: 'y' },
      { ttlMs: 5 },
      { metadata: new Map([['a', 'c']]) },
    ]) {
      expect(() => topics.publish('tea', { ...message, ...other })).toThrow(
        expect.objectContaining({
          code: 'INVALID_MESSAGE',
          message: expect.stringMatching(/^idempotency key "k" was used for another message/),
        }),
      );
    }
    expect(follower.texts).toEqual(['one']);
    // Another publisher's, or another topic's, is another key.
    expect(topics.publish('tea', { ...message, from: 'eve', data: Buffer.from('two') })).toMatchObject({
      duplicate: false,
    });
    expect(topics.publish('coffee', message)).toMatchObject({ duplicate: false });
    topics.stop();
  });

  it('is known for so long, and so many are', () => {
    const { topics, clock } = topicsOf({ idempotency: { keys: 2, ageMs: 10_000 } });
    const send = (idempotencyKey: string): boolean =>
      now(topics.publish('tea', publication('one', { idempotencyKey }))).duplicate;
    expect(['a', 'b', 'a', 'c', 'b', 'a'].map(send)).toEqual([false, false, true, false, true, false]);
    expect(topics.levels.idempotencyKeys).toBe(2);
    clock.advance(9_999);
    expect(send('c')).toBe(true);
    clock.advance(1);
    expect(send('c')).toBe(false);
    topics.stop();
  });
});

describe('a subscriber under block', () => {
  it('holds its publisher, and those behind it, in order, but no other subscriber', async () => {
    const { topics, clock } = topicsOf();
    const slow = new Follower('slow');
    const quick = new Follower('quick');
    topics.subscribe('tea', FROM_NOW_ON, slow);
    topics.subscribe('tea', FROM_NOW_ON, quick);
    const gate = new Held<void>();
    slow.holds.push(gate.promise);
    const held = topics.publish('tea', publication('one'));
    const behind = [topics.publish('tea', publication('two')), topics.publish('tea', publication('three'))];
    expect(held).toBeInstanceOf(Promise);
    expect(quick.texts).toEqual(['one']);
    expect(topics.levels.waitingPublishes).toBe(2);
    expect(topics.publish('other', publication('x'))).not.toBeInstanceOf(Promise);
    gate.resolve();
    expect((await held).subscribers).toBe(2);
    const [two, three] = await Promise.all(behind.map((each) => Promise.resolve(each)));
    expect(two?.sequence).toBe((await held).sequence + 1);
    expect(three?.sequence).toBe((await held).sequence + 2);
    expect(quick.texts).toEqual(['one', 'two', 'three']);
    expect(slow.texts).toEqual(quick.texts);
    expect(topics.levels).toMatchObject({ waitingPublishes: 0, waitingPublishBytes: 0 });
    topics.stop();
    expect(clock.activeTimers).toBe(0);
  });

  it('is closed when it holds for too long, or leaves', async () => {
    const { topics, clock } = topicsOf();
    const never = new Promise<void>(() => undefined);
    const slow = new Follower('slow');
    const leaving = new Follower('leaving');
    topics.subscribe('tea', FROM_NOW_ON, slow);
    const subscription = topics.subscribe('tea', FROM_NOW_ON, leaving);
    slow.holds.push(never);
    leaving.holds.push(never);
    const held = topics.publish('tea', publication('one'));
    const behind = topics.publish('tea', publication('two'));
    subscription.close();
    clock.advance(14_999);
    expect(slow.timesTooSlow).toBe(0);
    clock.advance(1);
    expect([slow.timesTooSlow, leaving.timesTooSlow]).toEqual([1, 0]);
    expect(await held).toMatchObject({ subscribers: 2 });
    expect(await behind).toMatchObject({ subscribers: 0 });
    expect(topics.levels.subscribers).toBe(0);
    expect(topics.counters).toMatchObject({ held: 1, tooSlow: 1, published: 2 });
    topics.stop();
  });

  it('lets so many publishers wait behind it, and no more', async () => {
    const { topics } = topicsOf({ maxWaitingPublishes: 2, waitingPublishBytes: 1_000 });
    const slow = new Follower('slow');
    topics.subscribe('tea', FROM_NOW_ON, slow);
    const gate = new Held<void>();
    slow.holds.push(gate.promise);
    const all = [
      topics.publish('tea', publication('one')),
      topics.publish('tea', publication('2'.repeat(2_000))),
    ];
    const refusal = expect.objectContaining({ code: 'OVERLOADED', retryAfterMs: 1_000 });
    // The first may be of any size.
    expect(() => topics.publish('tea', publication('three'))).toThrow(refusal);
    gate.resolve();
    await Promise.all(all.map((each) => Promise.resolve(each)));
    slow.holds.push(new Held<void>().promise);
    const held = topics.publish('tea', publication('one'));
    const waiting = [topics.publish('tea', publication('two')), topics.publish('tea', publication('three'))];
    expect(() => topics.publish('tea', publication('four'))).toThrow(refusal);
    expect(topics.counters.publishesRefused).toBe(2);
    topics.stop();
    await held;
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'DRAINING' });
  });

  it('leaves nothing behind of what was published when it let go', async () => {
    const { topics, clock } = topicsOf({ history: { ageMs: 2_000 } });
    const holder = new Follower();
    const held = new Held<void>();
    holder.holds.push(held.promise);
    const subscription = topics.subscribe('tea', FROM_NOW_ON, holder);
    void topics.publish('tea', publication('one'));
    void topics.publish('tea', publication('two'));
    // The first is over before the second is in the topic.
    await clock.advanceAsync(5_000);
    held.resolve();
    await clock.settle();
    expect(holder.texts).toEqual(['one', 'two']);
    subscription.close();
    await clock.advanceAsync(3_000);
    expect(topics.levels).toEqual(NOTHING);
    expect(clock.activeTimers).toBe(0);
    topics.stop();
  });

  it('changes nothing for who joins meanwhile', async () => {
    const { topics } = topicsOf();
    const slow = new Follower('slow');
    topics.subscribe('tea', FROM_NOW_ON, slow);
    const gate = new Held<void>();
    slow.holds.push(gate.promise);
    void topics.publish('tea', publication('one'));
    const two = topics.publish('tea', publication('two'));
    const [fresh, old] = [new Follower('fresh'), new Follower('old')];
    topics.subscribe('tea', FROM_NOW_ON, fresh);
    topics.subscribe('tea', { afterSequence: 0, history: 9 }, old);
    gate.resolve();
    await two;
    expect(fresh.texts).toEqual(['two']);
    expect(old.texts).toEqual(['one', 'two']);
    topics.stop();
  });
});

describe('what is done from within a delivery', () => {
  it('leaves the order as it is: to publish, to leave, to join, to throw', async () => {
    const { topics } = topicsOf();
    const [first, second, third, joining] = ['a', 'b', 'c', 'd'].map((id) => new Follower(id)) as [
      Follower,
      Follower,
      Follower,
      Follower,
    ];
    topics.subscribe('tea', FROM_NOW_ON, first);
    const subscription = topics.subscribe('tea', FROM_NOW_ON, second);
    topics.subscribe('tea', FROM_NOW_ON, third);
    let answer: unknown;
    first.onDeliver = ({ data }) => {
      if (Buffer.from(data).toString() !== 'one') return;
      answer = topics.publish('tea', publication('answer'));
      subscription.close();
      topics.subscribe('tea', { afterSequence: 0, history: 1 }, joining);
    };
    now(topics.publish('tea', publication('one')));
    await answer;
    expect(first.texts).toEqual(['one', 'answer']);
    expect(second.texts).toEqual([]);
    expect(third.texts).toEqual(['one', 'answer']);
    expect(joining.texts).toEqual(['one', 'answer']);
    third.onDeliver = () => {
      throw new Error('it may not');
    };
    expect(now(topics.publish('tea', publication('two'))).subscribers).toBe(3);
    expect(joining.texts.at(-1)).toBe('two');
    expect(topics.levels.subscribers).toBe(2);
    topics.stop();
  });
});

describe('limits', () => {
  it('refuse topics and subscribers over them, by name', () => {
    const { topics } = topicsOf({ maxTopics: 1, maxSubscribers: 1 });
    topics.subscribe('tea', FROM_NOW_ON, new Follower());
    expect(() => topics.subscribe('tea', FROM_NOW_ON, new Follower())).toThrow(
      expect.objectContaining({
        code: 'TOPIC_LIMIT',
        message: expect.stringContaining('routes.chat.maxSubscribers'),
      }),
    );
    expect(() => topics.publish('coffee', publication('x'))).toThrow(
      expect.objectContaining({
        code: 'TOPIC_LIMIT',
        message: expect.stringContaining('routes.chat.maxTopics'),
      }),
    );
    expect(topics.counters).toMatchObject({ topicsRefused: 1, subscribersRefused: 1 });
    topics.stop();
  });
});

describe('a topic that is left', () => {
  it('is gone when its history, its keys and its subscribers are; nothing remains of 10,000', () => {
    const { topics, clock } = topicsOf({
      maxTopics: 10_000,
      history: { totalBytes: 100_000_000 },
      idempotency: { keys: 10_000 },
    });
    for (let n = 0; n < 10_000; n += 1) {
      const subject = `room ${n}`;
      const subscription = topics.subscribe(subject, FROM_NOW_ON, new Follower(`client ${n}`));
      now(topics.publish(subject, publication('x', n % 2 === 0 ? { idempotencyKey: 'k' } : {})));
      subscription.close();
    }
    expect(topics.levels).toMatchObject({
      topics: 10_000,
      historyMessages: 10_000,
      idempotencyKeys: 5_000,
      subscribers: 0,
    });
    // One for all.
    expect(clock.activeTimers).toBe(1);
    clock.advance(60_999);
    expect(topics.levels).toMatchObject({ topics: 5_000, historyMessages: 0 });
    clock.advance(61_000);
    expect(topics.levels).toEqual(NOTHING);
    expect(clock.activeTimers).toBe(0);
    topics.stop();
  });

  it('begins above all that one of its name had, whatever the clock says', () => {
    const { topics } = topicsOf({ history: { messages: 0 } });
    const seen: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      // Made and gone with each message: time stands still.
      seen.push(now(topics.publish('tea', publication('x'))).sequence);
      expect(topics.levels.topics).toBe(0);
    }
    const another = topicsOf({ history: { messages: 0 } });
    topics.stop();
    seen.push(now(another.topics.publish('tea', publication('x'))).sequence);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    // And a position in the old one is told as a loss: it can't be known that there was none.
    const follower = new Follower();
    const [last = 0] = seen.slice(-1);
    another.topics.subscribe('tea', { afterSequence: last, history: 0 }, follower);
    expect(follower.log).toEqual([[last + 1, last + 1]]);
    another.topics.stop();
  });

  it('takes nothing when it has stopped', () => {
    const { topics, clock } = topicsOf();
    now(topics.publish('tea', publication('x')));
    topics.stop();
    topics.stop();
    expect(clock.activeTimers).toBe(0);
    expect(() => topics.publish('tea', publication('x'))).toThrow(
      expect.objectContaining({ code: 'DRAINING' }),
    );
    expect(topics.levels).toEqual(NOTHING);
  });
});

describe('presence', () => {
  it('counts clients, not subscriptions, and tells of the first and the last of each', () => {
    const { topics } = topicsOf();
    const told: string[] = [];
    const unfollow = topics.followPresence('tea', {
      joined: (id) => told.push(`+${id}`),
      left: (id) => told.push(`-${id}`),
    });
    const [one, two, other] = ['a', 'a', 'b'].map((id) =>
      topics.subscribe('tea', FROM_NOW_ON, new Follower(id)),
    );
    expect(topics.presence('tea', 9)).toEqual({ clients: ['a', 'b'], count: 2 });
    expect(topics.presence('tea', 1)).toEqual({ clients: ['a'], count: 2 });
    one?.close();
    two?.close();
    expect(told).toEqual(['+a', '+b', '-a']);
    unfollow();
    other?.close();
    expect(told).toHaveLength(3);
    expect(topics.levels).toEqual(NOTHING);
    expect(topics.presence('tea', 9)).toEqual({ clients: [], count: 0 });
    topics.stop();
  });

  it('is told to all, though thousands end over it, each of which is told to the others', () => {
    const { topics } = topicsOf({ maxSubscribers: 10_000 });
    const gone: string[] = [];
    const ends: (() => void)[] = [];
    for (let n = 0; n < 5_000; n += 1) {
      const subscription = topics.subscribe('tea', FROM_NOW_ON, new Follower(`c${n}`));
      let unfollow: (() => void) | undefined = topics.followPresence('tea', {
        joined: () => undefined,
        left: () => {
          end();
        },
      });
      const end = (): void => {
        if (unfollow === undefined) return;
        unfollow();
        unfollow = undefined;
        gone.push(`c${n}`);
        subscription.close();
      };
      ends.push(end);
    }
    ends[0]?.();
    expect(gone).toHaveLength(5_000);
    expect(topics.levels).toMatchObject({ topics: 0, subscribers: 0 });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Published, TopicSubscription } from '../../src/session/topic-route.js';
import { Held } from '../helpers/gate.js';
import { Follower, publication, topicsOf } from '../helpers/topics.js';

const SUBJECTS = ['tea', 'coffee'] as const;
const subject = fc.constantFrom(...SUBJECTS);

const move = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      subject,
      /** Keys come again, some with another message. */
      idempotencyKey: fc.constantFrom('', '', 'k1', 'k2'),
      text: fc.constantFrom('x', 'y'),
      ttlMs: fc.constantFrom(0, 0, 3_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      subject,
      history: fc.nat({ max: 4 }),
      /** So many messages before the last; undefined: none is named. */
      back: fc.option(fc.nat({ max: 8 }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('hold' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('let go' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('later' as const), ms: fc.nat({ max: 8_000 }) }) },
);

type Publish = Extract<typeof move extends fc.Arbitrary<infer T> ? T : never, { kind: 'publish' }>;

interface Sent {
  readonly sequence: number;
  readonly text: string;
  readonly ttlMs: number;
  readonly atMs: number;
}

/** A topic as one would first write it: everything that was ever published. */
class NaiveTopic {
  readonly sent: Sent[] = [];

  /** Those that are kept: of the last five those of the last ten seconds, worth it or not. */
  kept(nowMs: number): Sent[] {
    return this.sent.slice(-5).filter(({ atMs }) => nowMs - atMs < 10_000);
  }
}

interface Joined {
  readonly follower: Follower;
  readonly subscription: TopicSubscription;
  readonly subject: (typeof SUBJECTS)[number];
  /** What it has to have been given, texts and what it missed. */
  readonly expected: (string | readonly [number, number])[];
  gone: boolean;
}

describe('topics in memory', () => {
  it('give everybody everything since they joined, in order, or say what is missing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 60 }), async (moves) => {
        const { topics, clock } = topicsOf({
          history: { messages: 5, ageMs: 10_000 },
          idempotency: { ageMs: 1_000_000 },
          maxWaitingPublishes: 1_000,
        });
        const naive = new Map(SUBJECTS.map((name) => [name, new NaiveTopic()]));
        const keys = new Map<string, { readonly text: string; readonly ttlMs: number }>();
        const joined: Joined[] = [];
        const holds: Held<void>[] = [];
        // One that never leaves keeps each topic, so that the model needs no births and deaths.
        for (const name of SUBJECTS)
          topics.subscribe(name, { afterSequence: 0, history: 0 }, new Follower('keeper'));

        const publish = async (step: Publish): Promise<void> => {
          const { subject: name, idempotencyKey, text, ttlMs } = step;
          const topic = naive.get(name) as NaiveTopic;
          const message = publication(text, { idempotencyKey, ttlMs });
          const known = keys.get(`${name} ${idempotencyKey}`);
          const isDuplicate = idempotencyKey !== '' && known !== undefined;
          if (isDuplicate && (known.text !== text || known.ttlMs !== ttlMs)) {
            expect(() => topics.publish(name, message)).toThrow(
              expect.objectContaining({ code: 'INVALID_MESSAGE' }),
            );
            return;
          }
          const atMs = clock.now();
          const result = topics.publish(name, message);
          // Who holds it is asked to let go: what is measured here is order, not time.
          for (const hold of holds.splice(0)) hold.resolve();
          const published: Published = await result;
          expect(published.duplicate).toBe(isDuplicate);
          if (isDuplicate) return;
          if (idempotencyKey !== '') keys.set(`${name} ${idempotencyKey}`, { text, ttlMs });
          const last = topic.sent.at(-1);
          if (last !== undefined) expect(published.sequence).toBe(last.sequence + 1);
          topic.sent.push({ sequence: published.sequence, text, ttlMs, atMs });
          const there = joined.filter(({ gone, subject: where }) => !gone && where === name);
          expect(published.subscribers).toBe(there.length + 1);
          for (const { expected } of there) expected.push(text);
        };

        for (const step of moves) {
          switch (step.kind) {
            case 'publish':
              await publish(step);
              break;
            case 'join': {
              const topic = naive.get(step.subject) as NaiveTopic;
              const nowMs = clock.now();
              const last = topic.sent.at(-1)?.sequence ?? 0;
              const first = topic.sent[0]?.sequence ?? 0;
              const after = step.back === undefined || last === 0 ? 0 : Math.max(first, last - step.back);
              if (joined.filter(({ gone, subject: where }) => !gone && where === step.subject).length >= 9)
                break;
              const worth = topic
                .kept(nowMs)
                .filter(({ ttlMs, atMs }) => ttlMs === 0 || nowMs - atMs < ttlMs);
              const expected: Joined['expected'] = [];
              if (after === 0)
                expected.push(
                  ...worth.slice(step.history === 0 ? worth.length : -step.history).map(({ text }) => text),
                );
              else {
                let missing: [number, number] | undefined;
                for (const sent of topic.sent.filter(({ sequence }) => sequence > after)) {
                  if (!worth.includes(sent)) missing = [missing?.[0] ?? sent.sequence, sent.sequence];
                  else {
                    if (missing !== undefined) expected.push(missing);
                    missing = undefined;
                    expected.push(sent.text);
                  }
                }
                if (missing !== undefined) expected.push(missing);
              }
              const follower = new Follower();
              const subscription = topics.subscribe(
                step.subject,
                { afterSequence: after, history: step.history },
                follower,
              );
              joined.push({ follower, subscription, subject: step.subject, expected, gone: false });
              break;
            }
            case 'leave': {
              const one = joined[step.which % Math.max(1, joined.length)];
              if (one === undefined) break;
              one.gone = true;
              one.subscription.close();
              break;
            }
            case 'hold': {
              const one = joined[step.which % Math.max(1, joined.length)];
              if (one === undefined || one.gone || one.follower.holds.length > 0) break;
              const hold = new Held<void>();
              holds.push(hold);
              one.follower.holds.push(hold.promise);
              break;
            }
            case 'let go':
              for (const hold of holds.splice(0)) hold.resolve();
              break;
            case 'later':
              clock.advance(step.ms);
          }
        }
        for (const { follower, expected } of joined) expect(follower.log).toEqual(expected);
        topics.stop();
        expect(clock.activeTimers).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('give all one order, whoever holds whom, and whatever is published meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.constant('publish' as const),
            fc.constant('publish' as const),
            fc.constant('hold' as const),
            fc.constant('let go' as const),
            fc.constant('leave' as const),
            fc.constant('time' as const),
          ),
          { maxLength: 40 },
        ),
        async (steps) => {
          const { topics, clock } = topicsOf({ maxWaitingPublishes: 1_000, history: { messages: 1_000 } });
          const followers = ['a', 'b', 'c', 'd'].map((id) => new Follower(id));
          const subscriptions = followers.map((follower) =>
            topics.subscribe('tea', { afterSequence: 0, history: 0 }, follower),
          );
          const holds: Held<void>[] = [];
          const results: Promise<Published>[] = [];
          for (const [index, step] of steps.entries()) {
            const follower = followers[index % 4] as Follower;
            if (step === 'publish')
              results.push(Promise.resolve(topics.publish('tea', publication(String(index)))));
            else if (step === 'hold') {
              const hold = new Held<void>();
              holds.push(hold);
              follower.holds.push(hold.promise);
            } else if (step === 'let go') holds.shift()?.resolve();
            else if (step === 'leave' && index % 4 === 3) subscriptions[3]?.close();
            else if (step === 'time') clock.advance(20_000);
            await Promise.resolve();
          }
          // Whoever still holds is thrown out in time.
          while (topics.levels.waitingPublishes > 0 || clock.nextTimerInMs === 15_000)
            await clock.advanceAsync(15_000);
          await clock.until(Promise.all(results));
          const published = await Promise.all(results);
          const sequences = published.map(({ sequence }) => sequence);
          expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
          for (const { messages, timesTooSlow, clientId } of followers) {
            const seen = messages.map(({ sequence }) => sequence);
            // A beginning of all: up to where it left or was thrown out.
            expect(seen).toEqual(sequences.slice(0, seen.length));
            if (timesTooSlow === 0 && clientId !== 'd') expect(seen).toHaveLength(sequences.length);
          }
          topics.stop();
          expect(clock.activeTimers).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});

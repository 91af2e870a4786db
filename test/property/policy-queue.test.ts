import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDropped, PolicyQueue, type Dropped, type QueueItem } from '../../src/flow/policy-queue.js';

const POLICIES = ['block', 'drop-oldest', 'drop-newest', 'conflate', 'disconnect'] as const;
type Policy = (typeof POLICIES)[number];

const move = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('offer' as const),
      key: fc.constantFrom('', '', 'a', 'b', 'c', 'd'),
      bytes: fc.integer({ min: 0, max: 12 }),
      skips: fc.nat({ max: 2 }),
      ttlMs: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('take' as const, 'peek' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('later' as const), ms: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
);

interface Entry {
  readonly item: QueueItem;
  readonly reason?: Dropped['reason'];
}

/** Everything that was offered and not taken, dropped or not, as a plain array that is looked through each time. */
class NaiveQueue {
  readonly #policy: Policy;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  entries: Entry[] = [];

  constructor(policy: Policy, maxMessages: number, maxBytes: number) {
    this.#policy = policy;
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get waiting(): QueueItem[] {
    return this.entries.filter(({ reason }) => reason === undefined).map(({ item }) => item);
  }

  get bytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  offer(item: QueueItem, nowMs: number): string {
    if (this.#policy === 'conflate' && item.key !== '') {
      const older = this.waiting.find(({ key }) => key === item.key);
      if (older !== undefined) this.#drop(older, 'overflow');
    }
    if (!this.#fits(item)) this.#expire(nowMs);
    while (!this.#fits(item)) {
      if (this.#policy === 'block') return 'full';
      if (this.#policy === 'disconnect') return 'disconnect';
      if (this.#policy === 'drop-newest') {
        this.entries.push({ item, reason: 'overflow' });
        return 'taken';
      }
      this.#drop(this.waiting[0] as QueueItem, 'overflow');
    }
    this.entries.push({ item });
    return 'taken';
  }

  peek(nowMs: number): QueueItem | Dropped | undefined {
    this.#expire(nowMs);
    return this.#first()?.[0];
  }

  take(nowMs: number): QueueItem | Dropped | undefined {
    this.#expire(nowMs);
    const first = this.#first();
    if (first !== undefined) this.entries.splice(0, first[1]);
    return first?.[0];
  }

  /** What comes first, and of how many entries it is made. */
  #first(): [QueueItem | Dropped, number] | undefined {
    const [first] = this.entries;
    if (first === undefined) return undefined;
    if (first.reason === undefined) return [first.item, 1];
    const kept = this.entries.findIndex(({ reason }) => reason === undefined);
    const count = kept === -1 ? this.entries.length : kept;
    const to = this.entries[count - 1]?.item.sequence ?? 0;
    return [{ from: first.item.sequence, to, reason: first.reason }, count];
  }

  #fits(item: QueueItem): boolean {
    const { length } = this.waiting;
    return length === 0 || (length < this.#maxMessages && this.bytes + item.bytes <= this.#maxBytes);
  }

  #expire(nowMs: number): void {
    for (const item of this.waiting) {
      if (item.expiresAtMs === undefined || nowMs < item.expiresAtMs) return;
      this.#drop(item, 'expired');
    }
  }

  #drop(item: QueueItem, reason: Dropped['reason']): void {
    this.entries = this.entries.map((entry) => (entry.item === item ? { item, reason } : entry));
  }
}

describe('PolicyQueue', () => {
  it.each(POLICIES)('gives what a naive queue does, under %s', (policy) => {
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 30 }),
        (moves, maxMessages, maxBytes) => {
          const queue = new PolicyQueue<QueueItem>({ overflow: policy, maxMessages, maxBytes });
          const naive = new NaiveQueue(policy, maxMessages, maxBytes);
          let sequence = 0;
          let nowMs = 0;
          for (const step of moves) {
            switch (step.kind) {
              case 'offer': {
                const { key, bytes, skips, ttlMs } = step;
                sequence += 1 + skips;
                const item = {
                  sequence,
                  key,
                  bytes,
                  expiresAtMs: ttlMs === undefined ? undefined : nowMs + ttlMs,
                };
                expect(queue.offer(item, nowMs)).toBe(naive.offer(item, nowMs));
                break;
              }
              case 'take':
                expect(queue.take(nowMs)).toEqual(naive.take(nowMs));
                break;
              case 'peek':
                expect(queue.peek(nowMs)).toEqual(naive.peek(nowMs));
                break;
              case 'later':
                nowMs += step.ms;
                break;
              case 'clear':
                queue.clear();
                naive.entries = [];
            }
            const { messages, bytes, isEmpty } = queue;
            expect({ messages, bytes, isEmpty }).toEqual({
              messages: naive.waiting.length,
              bytes: naive.bytes,
              isEmpty: naive.entries.length === 0,
            });
            if (messages > 1) {
              expect(messages).toBeLessThanOrEqual(maxMessages);
              expect(bytes).toBeLessThanOrEqual(maxBytes);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each(['drop-oldest', 'drop-newest', 'conflate'] as const)(
    'loses nothing silently, under %s: what comes out is in order and covers all that went in',
    (overflow) => {
      fc.assert(
        fc.property(
          fc.array(
            fc.record({
              takes: fc.nat({ max: 2 }),
              key: fc.constantFrom('', 'a', 'b'),
              ms: fc.nat({ max: 4 }),
            }),
          ),
          (steps) => {
            const queue = new PolicyQueue<QueueItem>({ overflow, maxMessages: 3, maxBytes: 100 });
            let told = 0;
            let nowMs = 0;
            let dropped = 0;
            const take = (): boolean => {
              const entry = queue.take(nowMs);
              if (entry === undefined) return false;
              const { from, to } = isDropped(entry) ? entry : { from: entry.sequence, to: entry.sequence };
              expect(from).toBe(told + 1);
              told = to;
              if (isDropped(entry)) dropped += to - from + 1;
              return true;
            };
            for (const [index, { takes, key, ms }] of steps.entries()) {
              nowMs += ms;
              queue.offer({ sequence: index + 1, key, bytes: 1, expiresAtMs: nowMs + 5 }, nowMs);
              for (let i = 0; i < takes; i += 1) take();
            }
            while (take());
            expect(told).toBe(steps.length);
            expect(queue.dropped.overflow + queue.dropped.expired).toBe(dropped);
          },
        ),
      );
    },
  );
});

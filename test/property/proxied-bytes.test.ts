import fc from 'fast-check';
import { expect, test } from 'vitest';
import { message, proxiedWorld } from '../helpers/proxied-world.js';

/** Either side sends chunks cut anywhere while it may, and takes what it likes, in any order. */
const moves = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('up' as const), bytes: fc.integer({ min: 1, max: 700 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('down' as const), bytes: fc.integer({ min: 1, max: 700 }) }),
    },
    fc.record({ kind: fc.constant('backend takes' as const), bytes: fc.integer({ min: 1, max: 900 }) }),
    fc.record({ kind: fc.constant('client takes' as const), bytes: fc.integer({ min: 1, max: 900 }) }),
    fc.record({ kind: fc.constant('time' as const), bytes: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ kind: fc.constantFrom('hold' as const, 'release' as const), bytes: fc.constant(0) }),
  ),
  { maxLength: 200 },
);
const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 60 });
const terms = fc.record({
  queueBytes: fc.integer({ min: 1, max: 2_000 }),
  queueMessages: fc.constantFrom(0, 1, 5, 40),
  messagesPerSecond: fc.constantFrom(0, 3, 50),
  bytesPerSecond: fc.constantFrom(0, 500),
});

const LARGEST = 700;

test('however it is cut, held and taken: the same bytes, the same counts, and no more held than the bounds', () => {
  fc.assert(
    fc.property(sizes, sizes, terms, moves, (up, down, own, steps) => {
      const world = proxiedWorld({ terms: { ...own, retryBufferBytes: 0 } });
      const { stream, relay, call, clock, counters } = world;
      const asked = Buffer.concat(up.map((size) => message(size, 0x75)));
      const answered = Buffer.concat(down.map((size) => message(size, 0x64)));
      let askedAt = 0;
      let answeredAt = 0;
      let sentUp = 0;
      relay.takesAll = stream.takesAll = false;
      relay.opens();
      relay.answers();
      const act = ({ kind, bytes }: { readonly kind: string; readonly bytes: number }): void => {
        if (kind === 'up' && !stream.isPaused && askedAt < asked.length) {
          stream.says(asked.subarray(askedAt, askedAt + bytes));
          askedAt = Math.min(asked.length, askedAt + bytes);
        } else if (kind === 'down' && !relay.isPaused && answeredAt < answered.length) {
          relay.says(answered.subarray(answeredAt, answeredAt + bytes));
          answeredAt = Math.min(answered.length, answeredAt + bytes);
        } else if (kind === 'backend takes') relay.takes(Math.min(bytes, relay.bytesInFlight));
        else if (kind === 'client takes') stream.takes(Math.min(bytes, stream.bytesInFlight));
        else if (kind === 'time') clock.advance(bytes);
        else if (kind === 'hold') call.hold();
        else if (kind === 'release') call.release();
        expect(call.heldUpBytes).toBeLessThanOrEqual(own.queueBytes + LARGEST);
        expect(call.heldDownBytes).toBeLessThanOrEqual(own.queueBytes + LARGEST);
        // All that was read is with the backend, or held: nothing is lost on the way, nor made up.
        const passed = relay.bytes;
        expect(passed.length).toBeGreaterThanOrEqual(sentUp);
        sentUp = passed.length;
        expect(passed.equals(asked.subarray(0, sentUp))).toBe(true);
        expect(askedAt - sentUp).toBeLessThanOrEqual(LARGEST);
      };
      for (const step of steps) act(step);
      call.release();
      for (
        let rounds = 0;
        rounds < 20_000 && (askedAt < asked.length || answeredAt < answered.length);
        rounds += 1
      ) {
        for (const kind of ['up', 'down', 'backend takes', 'client takes', 'time']) act({ kind, bytes: 400 });
      }
      stream.halfCloses();
      for (let rounds = 0; !relay.isHalfClosed && rounds < 20_000; rounds += 1) {
        act({ kind: 'backend takes', bytes: 900 });
        act({ kind: 'time', bytes: 400 });
      }
      relay.ends();
      stream.takes();
      clock.runImmediates();
      expect(relay.bytes.equals(asked)).toBe(true);
      expect(stream.bytes.equals(answered)).toBe(true);
      expect(counters).toMatchObject({
        messagesUp: up.length,
        messagesDown: down.length,
        bytesUp: asked.length,
        bytesDown: answered.length,
      });
      expect(world.outcomes).toEqual([{ status: 0, by: 'backend' }]);
      expect(world.isClean).toBe(true);
    }),
    { numRuns: 150 },
  );
});

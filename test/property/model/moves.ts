import fc from 'fast-check';
import type { WorldOptions } from './contract.js';

/** One step of a run. Numbers that choose among what is there are taken modulo its count. */
export type Move =
  | { readonly kind: 'connect' }
  | { readonly kind: 'abandon' }
  | { readonly kind: 'client-sends'; readonly weights: readonly number[] }
  | { readonly kind: 'client-consumes'; readonly count: number }
  | { readonly kind: 'client-acknowledges' }
  | { readonly kind: 'client-window'; readonly messages: number; readonly bytes: number }
  | { readonly kind: 'client-pauses'; readonly paused: boolean }
  | { readonly kind: 'client-closes' }
  | { readonly kind: 'client-half-closes' }
  | { readonly kind: 'client-loses' }
  | { readonly kind: 'gateway-loses'; readonly which: number }
  /** The newest connection carries all there is, once up and once down. */
  | { readonly kind: 'flow' }
  | { readonly kind: 'up'; readonly which: number; readonly count: number }
  | { readonly kind: 'down'; readonly which: number; readonly count: number }
  /** `meanwhile` happens when the route is done and the gateway has not heard of it. */
  | {
      readonly kind: 'route-finishes';
      readonly accepted: boolean;
      readonly which: number;
      readonly meanwhile: 'nothing' | 'flow' | 'gateway-loses' | 'route-ends';
    }
  | {
      readonly kind: 'route-sends';
      readonly weights: readonly number[];
      readonly key: string;
      readonly ttlMs: number;
    }
  | { readonly kind: 'route-ends' }
  | { readonly kind: 'pump'; readonly count: number }
  | { readonly kind: 'gateway-acknowledges' }
  | { readonly kind: 'gateway-window'; readonly messages: number; readonly bytes: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'drain'; readonly ms: number }
  | { readonly kind: 'over-budget'; readonly isOver: boolean }
  | { readonly kind: 'crowd' };

/** Smallest limits an honest pair can work with: a payload of 3 pieces of 20 bytes always fits. */
const FLOOR = { messages: 3, bytes: 60 };
const weight = fc.integer({ min: 4, max: 20 });
const weights = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(weight) },
  { weight: 1, arbitrary: fc.array(weight, { minLength: 2, maxLength: 3 }) },
);
const count = fc.integer({ min: 1, max: 6 });
const which = fc.nat(3);
const messages = fc.integer({ min: FLOOR.messages, max: 6 });
const bytes = fc.integer({ min: FLOOR.bytes, max: 120 });
const change = { messages: fc.oneof(fc.constant(0), messages), bytes: fc.oneof(fc.constant(0), bytes) };

function weighted<T>(
  weightOfIt: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } {
  return { weight: weightOfIt, arbitrary };
}

function finishing(
  meanwhile: fc.Arbitrary<(Move & { readonly kind: 'route-finishes' })['meanwhile']>,
): fc.Arbitrary<Move> {
  return fc.record({
    kind: fc.constant('route-finishes' as const),
    accepted: fc.boolean(),
    which,
    meanwhile,
  });
}

/** What sessions meet while they live. */
const living: readonly fc.WeightedArbitrary<Move>[] = [
  weighted(8, fc.record({ kind: fc.constant('connect' as const) })),
  weighted(12, fc.record({ kind: fc.constant('client-sends' as const), weights })),
  weighted(8, fc.record({ kind: fc.constant('client-consumes' as const), count })),
  weighted(4, fc.record({ kind: fc.constant('client-acknowledges' as const) })),
  weighted(2, fc.record({ kind: fc.constant('client-window' as const), ...change })),
  weighted(2, fc.record({ kind: fc.constant('client-pauses' as const), paused: fc.boolean() })),
  weighted(1, fc.record({ kind: fc.constant('client-half-closes' as const) })),
  weighted(4, fc.record({ kind: fc.constant('client-loses' as const) })),
  weighted(4, fc.record({ kind: fc.constant('gateway-loses' as const), which })),
  weighted(16, fc.record({ kind: fc.constant('flow' as const) })),
  weighted(18, fc.record({ kind: fc.constant('up' as const), which, count })),
  weighted(18, fc.record({ kind: fc.constant('down' as const), which, count })),
  weighted(10, finishing(fc.constantFrom('nothing', 'nothing', 'nothing', 'flow', 'gateway-loses'))),
  weighted(
    14,
    fc.record({
      kind: fc.constant('route-sends' as const),
      weights,
      key: fc.constantFrom('', 'a', 'b'),
      ttlMs: fc.constantFrom(0, 0, 5, 20),
    }),
  ),
  weighted(24, fc.record({ kind: fc.constant('pump' as const), count })),
  weighted(5, fc.record({ kind: fc.constant('gateway-acknowledges' as const) })),
  weighted(2, fc.record({ kind: fc.constant('gateway-window' as const), ...change })),
  weighted(4, fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 10, 60) })),
  weighted(2, fc.record({ kind: fc.constant('over-budget' as const), isOver: fc.boolean() })),
];

/** What ends them. */
const mortal: readonly fc.WeightedArbitrary<Move>[] = [
  weighted(1, fc.record({ kind: fc.constant('abandon' as const) })),
  weighted(4, fc.record({ kind: fc.constant('client-closes' as const) })),
  weighted(3, fc.record({ kind: fc.constant('route-ends' as const) })),
  weighted(1, finishing(fc.constant('route-ends'))),
  weighted(1, fc.record({ kind: fc.constant('drain' as const), ms: fc.constantFrom(20, 80) })),
  weighted(1, fc.record({ kind: fc.constant('wait' as const), ms: fc.constant(110) })),
  weighted(1, fc.record({ kind: fc.constant('crowd' as const) })),
];

/** A run: two of three without the moves that end sessions, so that these live long enough to be tried. */
export const moves: fc.Arbitrary<Move[]> = fc.oneof(
  { weight: 2, arbitrary: run(fc.oneof(...living)) },
  { weight: 1, arbitrary: run(fc.oneof(...living, ...mortal)) },
);

function run(move: fc.Arbitrary<Move>): fc.Arbitrary<Move[]> {
  return fc.array(move, { minLength: 20, maxLength: 150, size: 'max' });
}

export const options: fc.Arbitrary<WorldOptions> = fc.record({
  policy: fc.integer({ min: 1, max: 5 }),
  wantsWhole: fc.boolean(),
  maxPayloadBytes: fc.constant(FLOOR.bytes),
  upWindow: fc.record({ messages, bytes }),
  floor: fc.constant(FLOOR),
  downWindow: fc.record({ messages, bytes }),
  waitingBound: fc.record({ messages, bytes }),
  resumeWindowMs: fc.constant(100),
  ackDelayMs: fc.constantFrom(0, 5, 20),
  shedAfterMs: fc.constant(90),
  quickRoute: fc.boolean(),
  pipelined: fc.boolean(),
});

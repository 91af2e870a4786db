/** What happens to a session of the SDK and to its gateway, one step after the other; and what a session is opened with. */
import fc from 'fast-check';
import type { Overflow } from '../../src/client/options.js';

export type Step =
  | { readonly kind: 'connect'; readonly same: boolean }
  | { readonly kind: 'client-loses' | 'end' | 'close' | 'route-ends' | 'flow' | 'acknowledge' | 'crowd' }
  | { readonly kind: 'stop-reading' }
  | { readonly kind: 'gateway-loses'; readonly which: number }
  | { readonly kind: 'up' | 'down'; readonly which: number; readonly count: number }
  | { readonly kind: 'write' | 'pump' | 'take'; readonly count: number }
  | {
      readonly kind: 'send';
      readonly weights: readonly number[];
      readonly waits: boolean;
      readonly key: string;
      readonly ttlMs: number;
    }
  | { readonly kind: 'abort'; readonly which: number }
  | { readonly kind: 'route-finishes'; readonly accepted: boolean }
  | {
      readonly kind: 'route-sends';
      readonly weights: readonly number[];
      readonly key: string;
      readonly ttlMs: number;
    }
  | { readonly kind: 'gateway-window'; readonly messages: number; readonly bytes: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'drain'; readonly ms: number }
  | { readonly kind: 'over-budget'; readonly isOver: boolean };

export interface ClientSide {
  readonly buffer: { readonly messages: number; readonly bytes: number };
  readonly bufferOverflow: Overflow;
  readonly resets: 'resend' | 'forget' | 'end';
  readonly pieces: boolean;
}

/** With a key of one byte three of them are 60 bytes, the smallest limit: a payload always fits. */
const weight = fc.integer({ min: 4, max: 19 });
const weights = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(weight) },
  { weight: 1, arbitrary: fc.array(weight, { minLength: 2, maxLength: 3 }) },
);
const count = fc.integer({ min: 1, max: 6 });
const which = fc.nat(3);
const messages = fc.integer({ min: 3, max: 6 });
const bytes = fc.integer({ min: 60, max: 120 });
const key = fc.constantFrom('', '', 'a', 'b');
const ttlMs = fc.constantFrom(0, 0, 0, 5, 20);

function step<K extends Step['kind']>(
  frequency: number,
  kind: K,
  fields: {
    [F in Exclude<keyof (Step & { readonly kind: K }), 'kind'>]: fc.Arbitrary<
      (Step & { readonly kind: K })[F]
    >;
  },
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  return {
    weight: frequency,
    arbitrary: fc.record({ kind: fc.constant(kind), ...fields }) as fc.Arbitrary<Step>,
  };
}

const living = [
  step(8, 'connect', { same: fc.boolean() }),
  step(14, 'send', { weights, waits: fc.boolean(), key, ttlMs }),
  step(2, 'abort', { which }),
  step(12, 'take', { count }),
  step(1, 'stop-reading', {}),
  step(4, 'client-loses', {}),
  step(4, 'gateway-loses', { which }),
  step(18, 'flow', {}),
  step(14, 'write', { count }),
  step(14, 'up', { which, count }),
  step(14, 'down', { which, count }),
  step(12, 'route-finishes', { accepted: fc.boolean() }),
  step(14, 'route-sends', { weights, key, ttlMs }),
  step(16, 'pump', { count }),
  step(5, 'acknowledge', {}),
  step(2, 'gateway-window', {
    messages: fc.oneof(fc.constant(0), messages),
    bytes: fc.oneof(fc.constant(0), bytes),
  }),
  step(4, 'wait', { ms: fc.constantFrom(1, 10, 10, 60) }),
  step(1, 'over-budget', { isOver: fc.boolean() }),
];
const mortal = [
  step(2, 'end', {}),
  step(1, 'close', {}),
  step(2, 'route-ends', {}),
  step(1, 'drain', { ms: fc.constantFrom(20, 80) }),
];
/** What makes the gateway forget a session. */
const resetting = [step(3, 'wait', { ms: fc.constant(110) }), step(2, 'crowd', {})];

const run = (frequencies: readonly fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(...frequencies), { minLength: 20, maxLength: 150, size: 'max' });

export const steps: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 2, arbitrary: run(living) },
  { weight: 2, arbitrary: run([...living, ...resetting]) },
  { weight: 1, arbitrary: run([...living, ...resetting, ...mortal]) },
);

export const clientSides: fc.Arbitrary<ClientSide> = fc.record({
  buffer: fc.record({ messages: fc.integer({ min: 1, max: 8 }), bytes: fc.constantFrom(40, 1000) }),
  bufferOverflow: fc.constantFrom<Overflow>(
    ...(['block', 'block', 'drop-oldest', 'drop-newest', 'conflate', 'disconnect'] as const),
  ),
  resets: fc.constantFrom('resend', 'forget', 'end'),
  pieces: fc.boolean(),
});

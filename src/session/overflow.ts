import { SluiceError } from '../core/errors.js';
import { OverflowPolicy } from '../wire/messages.js';

/** What happens to waiting messages when a client does not take them. */
export type Overflow = 'block' | 'drop-oldest' | 'drop-newest' | 'conflate' | 'disconnect';

const OVERFLOWS: ReadonlyMap<number, Overflow> = new Map([
  [OverflowPolicy.BLOCK, 'block'],
  [OverflowPolicy.DROP_OLDEST, 'drop-oldest'],
  [OverflowPolicy.DROP_NEWEST, 'drop-newest'],
  [OverflowPolicy.CONFLATE, 'conflate'],
  [OverflowPolicy.DISCONNECT, 'disconnect'],
]);

/** The policy that is named; undefined where none is, or none that is known. */
export function overflowOf(wire: number): Overflow | undefined {
  return OVERFLOWS.get(wire);
}

/** All of them, in the order of the wire. */
export const ALL_OVERFLOWS: readonly Overflow[] = [...OVERFLOWS.values()];

/** The policy of a session or a subscription: its route's, or the client's choice within what the route allows. */
export function chosenOverflow(
  name: string,
  { overflow = 'block', allowedOverflow }: OverflowRule,
  wire: number,
): Overflow {
  const chosen = overflowOf(wire);
  if (wire === OverflowPolicy.UNSPECIFIED || chosen === overflow) return overflow;
  const allowed = allowedOverflow ?? (overflow === 'block' ? ALL_OVERFLOWS : []);
  if (chosen !== undefined && allowed.includes(chosen)) return chosen;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `overflow policy ${chosen ?? wire} is not one that route "${name}" allows: ${[...new Set([overflow, ...allowed])].join(', ')}`,
  );
}

/** As a route has it. */
interface OverflowRule {
  readonly overflow?: Overflow | undefined;
  readonly allowedOverflow?: readonly Overflow[] | undefined;
}

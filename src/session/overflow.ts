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

/** The policy an Open names; undefined where it names none, or none that is known. */
export function overflowOf(wire: number): Overflow | undefined {
  return OVERFLOWS.get(wire);
}

/** All of them, in the order of the wire. */
export const ALL_OVERFLOWS: readonly Overflow[] = [...OVERFLOWS.values()];

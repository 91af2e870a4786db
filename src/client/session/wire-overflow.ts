import { OverflowPolicy } from '../../wire/messages.js';
import type { Overflow } from '../options.js';

const WIRE: Readonly<Record<Overflow, number>> = {
  block: OverflowPolicy.BLOCK,
  'drop-oldest': OverflowPolicy.DROP_OLDEST,
  'drop-newest': OverflowPolicy.DROP_NEWEST,
  conflate: OverflowPolicy.CONFLATE,
  disconnect: OverflowPolicy.DISCONNECT,
};

/** The policy as a request names it; undefined leaves it to the gateway. @throws TypeError for what is none. */
export function wireOverflow(overflow: Overflow | undefined, option = 'overflow'): number {
  if (overflow === undefined) return OverflowPolicy.UNSPECIFIED;
  if (Object.hasOwn(WIRE, overflow)) return WIRE[overflow];
  throw new TypeError(
    `${option} is ${JSON.stringify(overflow)}: expected is one of ${Object.keys(WIRE).join(', ')}`,
  );
}

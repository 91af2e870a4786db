import type { Identity } from '../core/identity.js';
import { Throttle } from '../flow/throttle.js';
import type { StreamSettings } from './settings.js';

/**
 * The throttle of a connection of this caller: by the limits of their class,
 * else by those for all; undefined without any. `present` goes on where its
 * rates are the same: a token that is renewed again and again buys no second burst.
 */
export function throttleFor(
  { limits }: Identity,
  settings: Pick<StreamSettings, 'messagesPerSecond' | 'bytesPerSecond'>,
  now: number,
  present?: Throttle,
): Throttle | undefined {
  const { messagesPerSecond = settings.messagesPerSecond, bytesPerSecond = settings.bytesPerSecond } = limits;
  if (messagesPerSecond === 0 && bytesPerSecond === 0) return undefined;
  const goesOn =
    present?.rates.messagesPerSecond === messagesPerSecond && present.rates.bytesPerSecond === bytesPerSecond;
  return goesOn ? present : new Throttle({ messagesPerSecond, bytesPerSecond }, now);
}

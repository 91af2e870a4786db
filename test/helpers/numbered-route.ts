/** A route that takes numbers and sends numbers back, and knows which it has taken. */
import type { Clock } from '../../src/core/clock.js';
import { SluiceError } from '../../src/core/errors.js';
import type { Route } from '../../src/session/route.js';

/** The route fails each message whose number this divides; the client must learn of exactly these. */
export const FAILS_EVERY = 7;
/** Every so many messages are payloads of several, both ways. */
const LARGE_EVERY = 97;
const LARGE_BYTES = 9_000;
/** Who handles a message takes a while for each that this divides. */
const SLOW_EVERY = 31;

/** What one life of a session has taken, in order, and how many it has sent. */
export interface Taken {
  /** Of this route, over all sessions. */
  readonly life: number;
  readonly numbers: number[];
  sent: number;
  readonly faults: string[];
}

/** The number as text, sometimes a long one. */
export function numbered(n: number): Buffer {
  return Buffer.from(String(n).padEnd(n % LARGE_EVERY === 0 ? LARGE_BYTES : n % 60));
}

export function numberOf({ data }: { readonly data: Uint8Array }): number {
  return Number(Buffer.from(data).toString());
}

/**
 * Answers each number taken by the next of its own, from 1 in each life of a
 * session, with that life's number as `life`. After a message that says `last`
 * the last answer says so, too. `lives` has all of them, by session.
 */
export class NumberedRoute {
  readonly lives = new Map<string, Taken[]>();
  readonly #clock: Clock;
  #lives = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get route(): Route {
    return {
      kind: 'numbered',
      wantsWhole: true,
      open: (session) => {
        this.#lives += 1;
        const taken: Taken = { life: this.#lives, numbers: [], sent: 0, faults: [] };
        this.lives.set(session.sessionId, [...(this.lives.get(session.sessionId) ?? []), taken]);
        let hasLast = false;
        let isSending = false;
        const answer = async (): Promise<void> => {
          while (taken.sent < taken.numbers.length) {
            taken.sent += 1;
            const isLast = hasLast && taken.sent === taken.numbers.length;
            const metadata = new Map([['life', String(taken.life)]]);
            if (isLast) metadata.set('last', '');
            const data = numbered(taken.sent);
            if (data.length < LARGE_BYTES) await session.send({ data, metadata });
            else {
              await session.send({ data: data.subarray(0, 4_000), metadata, more: true });
              await session.send({ data: data.subarray(4_000), metadata });
            }
          }
          isSending = false;
        };
        return {
          handle: async (message) => {
            const n = numberOf(message);
            taken.numbers.push(n);
            if (message.metadata?.has('last') === true) hasLast = true;
            if (!isSending) {
              isSending = true;
              answer().catch((error: unknown) => {
                // What waits to be sent when the session ends is refused.
                if (!session.signal.aborted) taken.faults.push(`a send of the route: ${String(error)}`);
              });
            }
            if (n % SLOW_EVERY === 0)
              await new Promise<void>((resolve) => {
                this.#clock.setImmediate(resolve);
              });
            if (n % FAILS_EVERY === 0) throw new SluiceError('ROUTE_FAILED', `${n} is to fail`);
          },
        };
      },
    };
  }
}

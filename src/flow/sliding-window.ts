import type { Rate, RateLimiter } from './rate-limiter.js';

/** A window is counted in so many parts; one more is held, for now is somewhere within the last. */
const PARTS = 8;
const SLOTS = PARTS + 1;

/**
 * A sliding window: in no interval of `perMs`, wherever it begins, does more go
 * than `amount`, one cost above that aside. A log of every message would say so
 * to the millisecond and has no bound; this one counts in eighths of the window
 * and errs to the safe side: what went counts for up to an eighth longer.
 */
export class SlidingWindow implements RateLimiter {
  readonly #rate: Rate;
  /** Where part 0 begins. Of each its own: not all go on at the same moment. */
  readonly #origin: number;
  /** What went in the last parts, each at its number modulo SLOTS. */
  readonly #parts: number[] = new Array<number>(SLOTS).fill(0);
  /** The number of the last part: not yet come where what was taken in it waits. */
  #last = 0;
  #sum = 0;

  /** Windows of one kind share their `rate`. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#origin = now;
  }

  get maxWaitMs(): number {
    return Infinity;
  }

  waitMs(now: number, cost: number): number {
    this.#advance(now);
    return this.#untilMs(this.#partFor(cost), now);
  }

  take(now: number, cost: number): number {
    this.#advance(now);
    this.#moveTo(this.#partFor(cost));
    const waitMs = this.#untilMs(this.#last, now);
    // More than a window holds is as much as several, one after another.
    const { amount } = this.#rate;
    const more = cost > amount ? Math.ceil(cost / amount) - 1 : 0;
    // A full one is forgotten when its part is: a part later than its length.
    if (more > 0) this.#moveTo(this.#last + more * SLOTS);
    this.#add(cost - more * amount);
    return waitMs;
  }

  remaining(now: number): number {
    this.#advance(now);
    return this.#untilMs(this.#last, now) > 0 ? 0 : Math.max(0, Math.floor(this.#rate.amount - this.#sum));
  }

  resetMs(now: number): number {
    this.#advance(now);
    for (let part = this.#last; part > this.#last - SLOTS; part -= 1) {
      if (this.#countOf(part) > 0) return this.#untilMs(part + SLOTS, now);
    }
    return 0;
  }

  /** The first part, from the last on, in which there is room for it; anything fits where nothing is. */
  #partFor(cost: number): number {
    const { amount } = this.#rate;
    let part = this.#last;
    for (let sum = this.#sum; sum > 0 && sum + cost > amount; part += 1) sum -= this.#countOf(part - PARTS);
    return part;
  }

  #advance(now: number): void {
    const part = Math.floor(((now - this.#origin) * PARTS) / this.#rate.perMs);
    if (part > this.#last) this.#moveTo(part);
  }

  #moveTo(part: number): void {
    if (part - this.#last >= SLOTS) {
      this.#parts.fill(0);
      this.#sum = 0;
      this.#last = part;
      return;
    }
    while (this.#last < part) {
      this.#sum -= this.#countOf(this.#last - PARTS);
      this.#last += 1;
      this.#parts[this.#last % SLOTS] = 0;
    }
  }

  #add(cost: number): void {
    this.#parts[this.#last % SLOTS] = this.#countOf(this.#last) + cost;
    this.#sum += cost;
  }

  /** Of a part that is held: the last or one of the PARTS before it; 0 before the first. */
  #countOf(part: number): number {
    return part < 0 ? 0 : (this.#parts[part % SLOTS] ?? 0);
  }

  #untilMs(part: number, now: number): number {
    return Math.max(0, this.#origin + (part * this.#rate.perMs) / PARTS - now);
  }
}

import type { RateLimiter } from './rate-limiter.js';

export interface KeyedLimitersOptions {
  readonly create: (now: number) => RateLimiter;
  readonly maxKeys: number;
  /** 0 to 1, for what nobody outside is to guess. */
  readonly random: () => number;
}

/** With each key that comes so many are looked at whether they can go: more than come, so all are, in time. */
const LOOKED_AT = 2;
/** The same when there is no room. */
const LOOKED_AT_FULL = 16;
/** What there is no room for shares these; a power of two. */
const SHARED = 256;

/**
 * A limiter for each key, and no more than `maxKeys`. Only those are forgotten
 * that are as new: nobody gets a fresh allowance by bringing others. Without
 * one to forget, keys that have none yet share a few, each of the same rate,
 * chosen by a secret: who brings keys without end takes the room of others who
 * come for the first time, and no more than `maxKeys + 256` rates in all.
 */
export class KeyedLimiters {
  /** How many were asked for that had to share. */
  shared = 0;
  readonly #options: KeyedLimitersOptions;
  readonly #limiters = new Map<string, RateLimiter>();
  #cursor: IterableIterator<[string, RateLimiter]>;
  readonly #shared: (RateLimiter | undefined)[] = [];
  readonly #secret: number;

  constructor(options: KeyedLimitersOptions) {
    this.#options = options;
    this.#cursor = this.#limiters.entries();
    this.#secret = Math.floor(options.random() * 2 ** 32);
  }

  /** Keys with a limiter of their own. */
  get size(): number {
    return this.#limiters.size;
  }

  of(key: string, now: number): RateLimiter {
    return this.#limiters.get(key) ?? this.#added(key, now);
  }

  #added(key: string, now: number): RateLimiter {
    const { create, maxKeys } = this.#options;
    this.#forget(LOOKED_AT, now);
    if (this.#limiters.size >= maxKeys) this.#forget(LOOKED_AT_FULL, now);
    if (this.#limiters.size >= maxKeys) return this.#sharedBy(key, now);
    const limiter = create(now);
    this.#limiters.set(key, limiter);
    return limiter;
  }

  /** Goes round, on from where it was the last time. */
  #forget(lookedAt: number, now: number): void {
    for (let looked = 0; looked < lookedAt; looked += 1) {
      const next = this.#cursor.next();
      if (next.done === true) {
        this.#cursor = this.#limiters.entries();
        return;
      }
      const [key, limiter] = next.value;
      if (limiter.resetMs(now) === 0) this.#limiters.delete(key);
    }
  }

  #sharedBy(key: string, now: number): RateLimiter {
    this.shared += 1;
    const index = hash(key, this.#secret) % SHARED;
    return (this.#shared[index] ??= this.#options.create(now));
  }
}

/** FNV-1a, 32 bits, from a start of its own; the high bits are mixed into the low ones, which alone are used. */
function hash(text: string, start: number): number {
  let value = start;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

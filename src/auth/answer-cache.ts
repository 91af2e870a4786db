import type { Clock } from '../core/clock.js';

interface Kept<T> {
  readonly answer: T;
  readonly untilMs: number;
}

/**
 * Answers, each for a time of its own, and only the `maxEntries` used last. No
 * timer: what is over goes when it is asked for, or when it is the oldest.
 */
export class AnswerCache<T> {
  readonly #clock: Clock;
  readonly #maxEntries: number;
  /** The one used longest ago first. */
  readonly #kept = new Map<string, Kept<T>>();

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): T | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    if (this.#clock.now() >= kept.untilMs) return undefined;
    this.#kept.set(key, kept);
    return kept.answer;
  }

  /** A time of 0 keeps nothing, also not what there was. */
  set(key: string, answer: T, forMs: number): void {
    this.#kept.delete(key);
    if (forMs <= 0) return;
    this.#kept.set(key, { answer, untilMs: this.#clock.now() + forMs });
    if (this.#kept.size <= this.#maxEntries) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#kept.clear();
  }
}

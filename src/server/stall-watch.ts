import type { Clock, Timer } from '../core/clock.js';

/** Has handed something to the network, which may not take it. */
export interface Stallable {
  /**
   * How long until it is stalled for too long, unless the network takes something; Infinity when it waits for
   * nothing any more. Is it not more than 0, or is it Infinity, it is watched no longer. Never throws.
   */
  lookForStall(): number;
  /** It is stalled for too long. Never throws. */
  onStalled(): void;
}

/** Deadlines closer together than this share of the limit are looked at together. */
const GRAIN = 1 / 256;

/**
 * One timer for all connections of a server that have something in flight: one
 * for each would be most of what a connection that only now and then says
 * something costs. Nothing is noted when something is written or taken; the
 * timer looks at everybody when the first deadline may have come.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #watched = new Set<Stallable>();
  #timer: Timer | undefined;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Until it waits for nothing or is stalled; whoever is watched already is watched once. */
  watch(stallable: Stallable): void {
    this.#watched.add(stallable);
    this.#timer ??= this.#clock.setTimeout(this.#look, this.#limitMs);
  }

  forget(stallable: Stallable): void {
    if (!this.#watched.delete(stallable) || this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    let nextMs = Infinity;
    const stalled: Stallable[] = [];
    for (const stallable of this.#watched) {
      const leftMs = stallable.lookForStall();
      if (leftMs > 0 && leftMs !== Infinity) {
        nextMs = Math.min(nextMs, leftMs);
        continue;
      }
      this.#watched.delete(stallable);
      if (leftMs <= 0) stalled.push(stallable);
    }
    this.#timer = undefined;
    if (this.#watched.size > 0) {
      this.#timer = this.#clock.setTimeout(this.#look, Math.max(nextMs, this.#limitMs * GRAIN));
    }
    // Last: each ends its connection, and may forget or watch another.
    for (const stallable of stalled) stallable.onStalled();
  };
}

import type { Clock, Timer } from '../../core/clock.js';

/** Who can hold a publisher. */
export interface Holder {
  readonly closed: boolean;
  /** What it holds. */
  hold: PublishHold<Holder> | undefined;
}

/**
 * Subscribers under `block` that have no room for a message: its publisher
 * waits for all of them, and for no one longer than it may.
 */
export class PublishHold<H extends Holder> {
  readonly #waiting = new Set<H>();
  readonly #onOver: () => void;
  #timer: Timer | undefined;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#waiting.size === 0;
  }

  add(subscription: H, taken: Promise<void>): void {
    this.#waiting.add(subscription);
    subscription.hold = this;
    const release = (): void => {
      // A later message may be held by now.
      if (subscription.hold === this) this.release(subscription);
    };
    taken.then(release, release);
  }

  /** Ends the wait for those that are too slow. */
  watch(clock: Clock, timeoutMs: number, onTooSlow: (subscription: H) => void): void {
    this.#timer = clock.setTimeout(() => {
      for (const subscription of [...this.#waiting]) if (!subscription.closed) onTooSlow(subscription);
    }, timeoutMs);
  }

  release(subscription: H): void {
    subscription.hold = undefined;
    if (!this.#waiting.delete(subscription) || this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#onOver();
  }
}

import type { Clock, Timer } from '../core/clock.js';
import { RingQueue } from '../flow/ring-queue.js';
import type { RateLimit } from './rate-limit.js';
import type { Hold } from './route-limits.js';

interface Held {
  /** Clock.now() */
  readonly until: number;
  readonly limit: RateLimit | undefined;
  readonly go: () => void;
  readonly drop: (reason: unknown) => void;
}

/** What fires early by less than this fires on time: clocks and timers do not round alike. */
const EARLY_MS = 1;

/**
 * What one session has to wait with, in the order in which it came: one goes
 * when its turn has come and all before it have gone. One timer, whatever waits.
 * How much that is the session bounds.
 */
export class HeldMessages {
  readonly #clock: Clock;
  readonly #line = new RingQueue<Held>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /** `handle` when it may; the promise is what became of it. Rejects when all is dropped. */
  add<T>(hold: Hold | undefined, handle: () => T | PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (hold !== undefined) hold.limit.counters.waiting += 1;
      this.#line.push({
        until: this.#clock.now() + (hold?.waitMs ?? 0),
        limit: hold?.limit,
        go: () => {
          // What is thrown is a rejection, as of any promise.
          resolve((async () => handle())());
        },
        drop: reject,
      });
      this.#arm();
    });
  }

  /** Nothing of it goes any more. */
  drop(reason: () => unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (let held = this.#line.shift(); held !== undefined; held = this.#line.shift()) {
      leave(held);
      held.drop(reason());
    }
  }

  #arm(): void {
    const first = this.#line.peek();
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#release();
      },
      Math.max(1, Math.ceil(first.until - this.#clock.now())),
    );
  }

  #release(): void {
    const now = this.#clock.now();
    for (let first = this.#line.peek(); first !== undefined; first = this.#line.peek()) {
      if (first.until - now >= EARLY_MS) break;
      this.#line.shift();
      leave(first);
      // It may end the session, which drops the others.
      first.go();
    }
    this.#arm();
  }
}

function leave({ limit }: Held): void {
  if (limit !== undefined) limit.counters.waiting -= 1;
}

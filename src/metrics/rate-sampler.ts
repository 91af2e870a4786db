import type { Clock, Timer } from '../core/clock.js';

/** What has passed in all, as an item's own counters say. */
export interface Passed {
  readonly received: number;
  readonly sent: number;
}

/** Messages a second over the recent past. */
export interface Rates {
  readonly receive: number;
  readonly send: number;
}

export interface RateSamplerOptions<T extends object> {
  readonly clock: Clock;
  /** What to sample now, all of it. */
  readonly items: () => Iterable<T>;
  readonly read: (item: T) => Passed;
  /** Milliseconds between samples. Default 5,000. */
  readonly intervalMs?: number;
  /** How far back the "recent past" reaches: what is this old weighs 1/e. Default 15,000. */
  readonly memoryMs?: number;
}

interface Sample {
  atMs: number;
  received: number;
  sent: number;
  receive: number;
  send: number;
  /** False until there is a rate to average with: an average that began at 0 would rise for half a minute. */
  primed: boolean;
}

/**
 * Rates of many items without a stamp or a division on the hot path: one timer
 * reads the counters that are kept anyway, and keeps an exponentially weighted
 * moving average a side. An item forgotten by its owner is forgotten here.
 */
export class RateSampler<T extends object> {
  readonly #options: RateSamplerOptions<T>;
  readonly #samples = new WeakMap<T, Sample>();
  #timer: Timer | undefined;

  constructor(options: RateSamplerOptions<T>) {
    this.#options = options;
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= this.#arm();
  }

  /** Idempotent; leaves no timer. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Messages a second; 0 for an item that no sample has seen twice. */
  of(item: T): Rates {
    return this.#samples.get(item) ?? { receive: 0, send: 0 };
  }

  /** Of all items together. Walks them. */
  sum(): Rates {
    let [receive, send] = [0, 0];
    for (const item of this.#options.items()) {
      const rates = this.of(item);
      receive += rates.receive;
      send += rates.send;
    }
    return { receive, send };
  }

  #arm(): Timer {
    return this.#options.clock.setTimeout(() => {
      this.#timer = this.#arm();
      this.#sampleAll();
    }, this.#options.intervalMs ?? 5_000);
  }

  #sampleAll(): void {
    const nowMs = this.#options.clock.now();
    for (const item of this.#options.items()) this.#sample(item, nowMs);
  }

  #sample(item: T, nowMs: number): void {
    const { received, sent } = this.#options.read(item);
    const last = this.#samples.get(item);
    if (last === undefined) {
      this.#samples.set(item, { atMs: nowMs, received, sent, receive: 0, send: 0, primed: false });
      return;
    }
    const elapsedMs = nowMs - last.atMs;
    if (elapsedMs <= 0) return;
    const weight = last.primed ? 1 - Math.exp(-elapsedMs / (this.#options.memoryMs ?? 15_000)) : 1;
    last.primed = true;
    last.receive += weight * (((received - last.received) * 1_000) / elapsedMs - last.receive);
    last.send += weight * (((sent - last.sent) * 1_000) / elapsedMs - last.send);
    last.atMs = nowMs;
    last.received = received;
    last.sent = sent;
  }
}

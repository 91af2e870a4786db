import { type Clock, MAX_TIMER_MS, type Timer } from '../../core/clock.js';

/** An interval is looked at in quarters. */
const TICKS = 4;
/** Silence after which a probe asks, so that an answer can come before it is too long: an interval and a half. */
const PROBE_TICKS = 6;
const SILENT_TICKS = 8;
/** Where the gateway sends no heartbeats: it answers probes, and wants to be heard from all the same. */
const DEFAULT_INTERVAL_MS = 10_000;
/** A timer more often than this keeps a machine busy for nothing. */
const MIN_INTERVAL_MS = 100;

export interface LivenessOwner {
  /** Nothing was sent for about an interval. */
  heartbeatDue(): void;
  /** Nothing came for an interval and a half: something is to be asked that is answered. */
  probeDue(): void;
  /** Nothing came for two intervals. */
  silent(intervalMs: number): void;
}

/**
 * Whether a connection is alive (docs/protocol.md, Liveness). It counts looks
 * at the connection that found nothing, not time: a laptop that slept for a
 * night, or an application that kept the event loop for a minute, is one look,
 * and what had come meanwhile is read before the next.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #owner: LivenessOwner;
  #intervalMs = 0;
  #timer: Timer | undefined;
  #hasReceived = true;
  #silentTicks = 0;
  #sentAtMs = -Infinity;

  constructor(clock: Clock, owner: LivenessOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** `intervalMs`: as Welcome says. */
  start(intervalMs: number): void {
    this.#intervalMs = Math.max(MIN_INTERVAL_MS, intervalMs === 0 ? DEFAULT_INTERVAL_MS : intervalMs);
    this.#next();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  received(): void {
    this.#hasReceived = true;
  }

  sent(): void {
    this.#sentAtMs = this.#clock.now();
  }

  #next(): void {
    const tickMs = Math.min(this.#intervalMs / TICKS, MAX_TIMER_MS);
    this.#timer = this.#clock.setTimeout(() => {
      this.#next();
      this.#look(tickMs);
    }, tickMs);
  }

  #look(tickMs: number): void {
    this.#silentTicks = this.#hasReceived ? 0 : this.#silentTicks + 1;
    this.#hasReceived = false;
    if (this.#silentTicks >= SILENT_TICKS) {
      this.#owner.silent(this.#intervalMs);
      return;
    }
    if (this.#silentTicks === PROBE_TICKS) this.#owner.probeDue();
    // Rather a quarter too early than too late.
    else if (this.#clock.now() - this.#sentAtMs + tickMs > this.#intervalMs) this.#owner.heartbeatDue();
  }
}

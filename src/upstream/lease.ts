import type { Clock, Timer } from '../core/clock.js';
import type { Passage } from '../flow/circuit-breaker.js';
import type { BackendConnector } from '../transport/client-contract.js';

/** The address that a lease is of. */
export interface LeaseHost {
  readonly address: string;
  readonly clock: Clock;
  readonly connector: BackendConnector;
  /** Whoever has not failed for so long is there, though it says nothing. */
  readonly standsAfterMs: number;
  leaseFailed(reason: string): void;
  leaseEnded(lease: Lease): void;
}

/**
 * The leave to make one call at an address, which counts there until
 * `release`. What became of the call is what the address's circuit breaker goes
 * by: the first of `succeeded`, `failed`, `cutOff` and `abandoned` is.
 */
export class Lease {
  readonly address: string;
  readonly connector: BackendConnector;
  readonly #host: LeaseHost;
  readonly #passage: Passage;
  #timer: Timer | undefined;
  #released = false;

  /** `isTrial`: others wait for what becomes of it. */
  constructor(host: LeaseHost, passage: Passage, isTrial: boolean) {
    this.address = host.address;
    this.connector = host.connector;
    this.#host = host;
    this.#passage = passage;
    if (!isTrial) return;
    this.#timer = host.clock.setTimeout(() => {
      this.succeeded();
    }, host.standsAfterMs);
  }

  /** An application has answered, whatever it was. */
  succeeded(): void {
    this.#timer?.cancel();
    this.#passage.succeeded();
  }

  /** What was there did not take the call; `reason` is for the log. */
  failed(reason: string): void {
    if (this.#told(reason)) this.#passage.failed();
  }

  /** Nobody was there, or the connection broke, under this call and all others on it. */
  cutOff(reason: string): void {
    if (this.#told(reason)) this.#passage.cutOff();
  }

  /** Nobody wants to know any more. */
  abandoned(): void {
    this.#timer?.cancel();
    this.#passage.abandoned();
  }

  /** The call is over. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.abandoned();
    this.#host.leaseEnded(this);
  }

  /** False: it is over. */
  #told(reason: string): boolean {
    if (this.#released) return false;
    this.#timer?.cancel();
    this.#host.leaseFailed(reason);
    return true;
  }
}

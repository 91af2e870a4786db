import type { Clock, Timer } from '../core/clock.js';
import { errorText } from '../core/error-text.js';
import { GrpcStatus } from '../core/errors.js';
import { type BackoffLimits, fullJitterMs } from '../flow/backoff.js';
import type { BackendConnector, CallEnd, ClientCall } from '../transport/client-contract.js';
import { decodeHealthStatus, encodeHealthRequest, HEALTH_WATCH_PATH } from './health-codec.js';

/**
 * - `unknown`: it has not been heard from yet
 * - `serving`: it says so
 * - `unwatched`: it can be connected to, and says nothing of its health
 * - `not-serving`: it says so
 * - `unreachable`: it can't be asked
 */
export type Health = 'unknown' | 'serving' | 'unwatched' | 'not-serving' | 'unreachable';

export interface HealthWatchOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly connector: BackendConnector;
  readonly service: string;
  readonly backoff: BackoffLimits;
  /** Whoever takes the call, and does not answer for so long, says nothing of its health. */
  readonly answerTimeoutMs: number;
  /** It says that it is serving, be it anew or again; before `onChange`, where that is a change. */
  readonly onServing: () => void;
  readonly onChange: (health: Health, reason: string) => void;
}

/**
 * Follows the health of one backend by `grpc.health.v1.Health/Watch`. A watch
 * that breaks is begun again, with full-jitter backoff. One timer at a time, and
 * none after `stop`.
 */
export class HealthWatch {
  readonly #options: HealthWatchOptions;
  #health: Health = 'unknown';
  #call: ClientCall | undefined;
  #timer: Timer | undefined;
  /** Watches in a row that told nothing. */
  #failures = 0;
  /** When the last one was begun, in Clock.now(). */
  #begunAtMs = 0;
  /** How often in a row one had to move soon after. */
  #moves = 0;
  #state: 'idle' | 'watching' | 'stopped' = 'idle';

  constructor(options: HealthWatchOptions) {
    this.#options = options;
  }

  get health(): Health {
    return this.#health;
  }

  /** Idempotent. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'watching';
    this.#begin();
  }

  /** A stream found nobody there, or lost its connection: who says nothing of its health is asked whether it is. */
  doubt(reason: string): void {
    if (this.#health !== 'unwatched' || this.#state !== 'watching') return;
    this.#end();
    this.#broken(reason);
  }

  stop(): void {
    this.#state = 'stopped';
    this.#end();
  }

  #begin(): void {
    const { connector, service, clock, answerTimeoutMs } = this.#options;
    const call = connector.call(
      HEALTH_WATCH_PATH,
      {},
      {
        onBody: (body) => {
          if (this.#call === call) this.#told(body);
        },
        onWritable: () => undefined,
        onLeaving: () => {
          if (this.#call === call) this.#move();
        },
        onEnd: (end) => {
          if (this.#call === call) this.#ended(end);
        },
      },
    );
    this.#call = call;
    this.#begunAtMs = clock.now();
    call.send(encodeHealthRequest(service));
    call.halfClose();
    this.#timer = clock.setTimeout(() => {
      // It may answer yet: the call stays.
      this.#enter('unwatched', 'it does not answer to grpc.health.v1.Health/Watch');
    }, answerTimeoutMs);
  }

  #told(body: Uint8Array): void {
    this.#timer?.cancel();
    this.#failures = 0;
    const { service } = this.#options;
    try {
      const status = decodeHealthStatus(body);
      if (status === 'serving') {
        this.#options.onServing();
        this.#enter('serving', '');
      } else if (status === 'service-unknown')
        this.#enter('not-serving', `it knows no health of service "${service}" (healthService)`);
      else
        this.#enter('not-serving', `it says that it is ${status === 'unknown' ? 'unknown' : 'not serving'}`);
    } catch (error) {
      this.#end();
      this.#broken(`its answer about health can not be read: ${errorText(error)}`);
    }
  }

  /**
   * Its connection is about to go. Who leaves would wait for the watch to end; and
   * whoever is at the address from now on is to be seen. Until then what was said last holds.
   */
  #move(): void {
    const { clock, random, backoff } = this.#options;
    const lasted = clock.now() - this.#begunAtMs > backoff.maxMs;
    this.#moves = lasted ? 0 : this.#moves + 1;
    this.#end();
    // Not without end, where every connection is sent away at once.
    const delayMs = this.#moves === 0 ? 0 : fullJitterMs(this.#moves, backoff, random);
    if (delayMs === 0) this.#begin();
    else
      this.#timer = clock.setTimeout(() => {
        this.#begin();
      }, delayMs);
  }

  #ended(end: CallEnd): void {
    this.#call = undefined;
    this.#timer?.cancel();
    if (end.status === GrpcStatus.UNIMPLEMENTED && end.failure === undefined) {
      this.#failures = 0;
      this.#enter('unwatched', 'it has no grpc.health.v1.Health/Watch');
    } else this.#broken(end.message);
  }

  #broken(reason: string): void {
    const { clock, random, backoff } = this.#options;
    const delayMs = fullJitterMs(this.#failures, backoff, random);
    this.#failures += 1;
    this.#timer = clock.setTimeout(() => {
      this.#begin();
    }, delayMs);
    this.#enter('unreachable', reason);
  }

  #end(): void {
    this.#timer?.cancel();
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
  }

  #enter(health: Health, reason: string): void {
    if (this.#state !== 'watching' || this.#health === health) return;
    this.#health = health;
    this.#options.onChange(health, reason);
  }
}

import type { Clock, Timer } from '../core/clock.js';
import { errorText } from '../core/error-text.js';
import type { Logger } from '../core/logger.js';
import { type BackoffLimits, fullJitterMs } from '../flow/backoff.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { type BackendDescription, describeBackend } from './backend-description.js';
import { ReflectionError } from './reflection-call.js';

export interface BackendDescriberOptions {
  /** The name of the proxy. */
  readonly proxy: string;
  /** Empty: all that the backend has. */
  readonly services: readonly string[];
  readonly pool: UpstreamPool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every description; may refuse it by an exception, whose sentence is for a person. */
  readonly onDescribed: (description: BackendDescription) => void;
}

/** A description that is of no use, or none at all: in time a better one may be had. */
const RETRY: BackoffLimits = { firstMs: 5_000, maxMs: 60_000 };
/** A method that nobody knew is reason to ask anew, once in this time. */
const REFRESH_MS = 10_000;

type State = 'new' | 'waiting' | 'asking' | 'described' | 'stopped';

/**
 * Asks one of a proxy's backends what it serves, at the start and, where it
 * was away or has no answer, again and again until it is known; and anew when
 * somebody calls what is not known.
 */
export class BackendDescriber {
  readonly #options: BackendDescriberOptions;
  #state: State = 'new';
  #timer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;
  #failures = 0;
  #askedAtMs = -Infinity;

  constructor(options: BackendDescriberOptions) {
    this.#options = options;
  }

  /**
   * Asks for the first time. Resolves when the answer is there, or nobody who
   * could be asked within the upstream's connectTimeout: then it is asked later.
   * Rejects where a backend was asked and its answer is of no use.
   */
  async start(): Promise<void> {
    const { pool, clock, logger, proxy } = this.#options;
    pool.start();
    await new Promise<void>((resolve) => {
      if (!pool.isUndecided) {
        resolve();
        return;
      }
      const takeBack = pool.whenDecided(resolve);
      this.#stopWaiting = () => {
        takeBack();
        resolve();
      };
      this.#timer = clock.setTimeout(resolve, pool.settings.connectTimeout);
    });
    this.#rest();
    if (this.#isStopped()) return;
    try {
      await this.#ask();
    } catch (error) {
      if (this.#isStopped()) return;
      if (!(error instanceof ReflectionError) || error.fault !== 'away') throw error;
      const reason = error.message;
      logger.warn(
        { proxy, upstream: pool.name, reason },
        'no backend can be asked for its services (reflection): calls of those that are named are passed on unchecked until one can',
      );
      this.#again();
    }
  }

  /** Somebody called what is not known: the backend may have something new. */
  refresh(): void {
    if (this.#state !== 'described' || this.#options.clock.now() - this.#askedAtMs < REFRESH_MS) return;
    void this.#askAgain();
  }

  /** Leaves no timer. Idempotent. */
  stop(): void {
    this.#state = 'stopped';
    this.#rest();
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  async #ask(): Promise<void> {
    const { pool, clock, services, onDescribed } = this.#options;
    const lease = pool.lease();
    if (lease === undefined) throw new ReflectionError('away', pool.trouble);
    this.#state = 'asking';
    this.#askedAtMs = clock.now();
    try {
      const timeoutMs = 2 * pool.settings.connectTimeout;
      const description = await describeBackend(lease.connector, services, { clock, timeoutMs });
      lease.succeeded();
      if (this.#isStopped()) return;
      onDescribed(description);
      this.#state = 'described';
      this.#failures = 0;
    } catch (error) {
      throw error instanceof ReflectionError
        ? new ReflectionError(error.fault, `${lease.address}: ${error.message}`)
        : error;
    } finally {
      lease.release();
    }
  }

  /** After a while, as soon as a backend is there. */
  #again(): void {
    const { pool, clock } = this.#options;
    this.#state = 'waiting';
    const delayMs = fullJitterMs(this.#failures, this.#failures === 0 ? pool.backoff : RETRY, pool.random);
    this.#failures += 1;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#whenThere();
    }, delayMs);
  }

  #whenThere(): void {
    const { pool } = this.#options;
    if (pool.levels.addresses.some(({ available }) => available)) {
      void this.#askAgain();
      return;
    }
    this.#stopWaiting = pool.wait({
      backendMayBeThere: () => {
        this.#stopWaiting = undefined;
        void this.#askAgain();
      },
    });
  }

  async #askAgain(): Promise<void> {
    const { proxy, pool, logger } = this.#options;
    const was = this.#state;
    try {
      await this.#ask();
      if (was !== 'described' && !this.#isStopped())
        logger.info({ proxy, upstream: pool.name }, 'the services of a proxy are known now (reflection)');
    } catch (error) {
      if (this.#isStopped()) return;
      const fields = { proxy, upstream: pool.name, reason: errorText(error) };
      // What was known goes on to hold.
      if (was === 'described') {
        logger.info(fields, 'the services of a proxy could not be asked for anew (reflection)');
        this.#state = 'described';
        return;
      }
      const isAway = error instanceof ReflectionError && error.fault === 'away';
      if (!isAway) logger.error(fields, 'the services of a proxy are not known yet (reflection)');
      this.#again();
    }
  }
}

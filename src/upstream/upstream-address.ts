import type { Clock, Timer } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { type BreakerState, CircuitBreaker } from '../flow/circuit-breaker.js';
import type { BackendConnector, CallEnd, CallMetadata } from '../transport/client-contract.js';
import { BackendLink, type LinkEvents, type LinkHost } from './backend-link.js';
import { type Health, HealthWatch } from './health-watch.js';
import { Lease, type LeaseHost } from './lease.js';
import { StateLog } from './state-log.js';
import { isCutOff } from './stream-verdict.js';
import type { UpstreamSettings } from './upstream-options.js';

/** The state of an address, in the log, while its breaker lets nobody pass. */
const PAUSED = 'breaker open';

export interface UpstreamAddressOptions {
  readonly upstream: string;
  readonly connector: BackendConnector;
  readonly settings: UpstreamSettings;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Its health, its breaker or its room has changed. */
  readonly onChange: () => void;
}

/** One address, for whoever shows it. */
export interface AddressLevels {
  readonly address: string;
  readonly health: Health;
  readonly breaker: BreakerState;
  /** Whether a session may begin there now. */
  readonly available: boolean;
  /** Whether something is wrong with it; one that is full, or of which nothing is known yet, is not. */
  readonly down: boolean;
  /** Streams of sessions and calls of proxies at it now. */
  readonly sessions: number;
  readonly streamsOpened: number;
  /** Streams that ended otherwise than by the session's end or the backend's wish. */
  readonly streamsLost: number;
}

/** One backend of an upstream: its connections, its health, its circuit breaker, and the sessions and calls it has. */
export class UpstreamAddress implements LinkHost, LeaseHost {
  readonly address: string;
  readonly clock: Clock;
  readonly connector: BackendConnector;
  readonly standsAfterMs: number;
  readonly #options: UpstreamAddressOptions;
  readonly #watch: HealthWatch;
  readonly #breaker: CircuitBreaker;
  readonly #log: StateLog;
  readonly #links = new Set<BackendLink>();
  readonly #leases = new Set<Lease>();
  #streamsOpened = 0;
  #streamsLost = 0;
  /** Ends with the breaker's pause. */
  #pause: Timer | undefined;
  #lastFault = '';
  #stopped = false;

  constructor(options: UpstreamAddressOptions) {
    const { connector, settings, clock, random } = options;
    this.#options = options;
    this.address = connector.address;
    this.connector = connector;
    this.clock = clock;
    // By then it would have been known that nobody is there.
    this.standsAfterMs = 2 * settings.connectTimeout;
    this.#log = new StateLog({ upstream: options.upstream, address: this.address }, clock, options.logger);
    this.#watch = new HealthWatch({
      clock,
      random,
      connector,
      service: settings.healthService,
      backoff: { firstMs: settings.backoffFirst, maxMs: settings.backoffMax },
      answerTimeoutMs: 2 * settings.connectTimeout,
      onServing: () => {
        // Most often it is a new one at the old address: those that failed were of the one before.
        this.#breaker.mayBeWell();
      },
      onChange: (health, reason) => {
        if (isWell(health) && this.#isPaused) this.#tell(false, PAUSED, this.#lastFault);
        else this.#tell(isWell(health), health, reason);
        options.onChange();
      },
    });
    this.#breaker = new CircuitBreaker({
      clock,
      failures: settings.breakerFailures,
      pauseMs: settings.breakerPause,
      onChange: (state) => {
        this.#onBreaker(state);
      },
    });
  }

  /** Whether a session may begin, or go on, here now. */
  get isAvailable(): boolean {
    return this.isWell && this.#hasRoom;
  }

  /** Whether it is there, though it may be full. */
  get isWell(): boolean {
    return isWell(this.#watch.health) && !this.#breaker.refuses;
  }

  /** Whether nothing is known of it yet. */
  get isUnknown(): boolean {
    return this.#watch.health === 'unknown';
  }

  /** In a word or two, why no call may begin here; "" where one may. */
  get trouble(): string {
    const { health } = this.#watch;
    if (!isWell(health)) return health === 'unknown' ? 'not heard from yet' : health.replace('-', ' ');
    if (this.#breaker.refuses) return 'given a pause after failures';
    return this.#hasRoom ? '' : 'full';
  }

  get sessions(): number {
    return this.#links.size + this.#leases.size;
  }

  get levels(): AddressLevels {
    return {
      address: this.address,
      health: this.#watch.health,
      breaker: this.#breaker.state,
      available: this.isAvailable,
      down: isDown(this.#watch.health) || this.#breaker.state === 'open',
      sessions: this.sessions,
      streamsOpened: this.#streamsOpened,
      streamsLost: this.#streamsLost,
    };
  }

  start(): void {
    this.#watch.start();
  }

  /** A session's stream; undefined where it is not available. */
  open(metadata: CallMetadata, events: LinkEvents): BackendLink | undefined {
    if (this.#stopped || !this.isAvailable) return undefined;
    const passage = this.#breaker.tryPass();
    if (passage === undefined) return undefined;
    this.#streamsOpened += 1;
    const link = new BackendLink(this, passage, metadata, events);
    this.#links.add(link);
    return link;
  }

  /** The leave to make a call; undefined where it is not available. */
  lease(): Lease | undefined {
    if (this.#stopped || !this.isAvailable) return undefined;
    const passage = this.#breaker.tryPass();
    if (passage === undefined) return undefined;
    this.#streamsOpened += 1;
    const lease = new Lease(this, passage, this.#breaker.state === 'half-open');
    this.#leases.add(lease);
    return lease;
  }

  leaseFailed(reason: string): void {
    if (this.#stopped) return;
    this.lost(reason);
    this.#watch.doubt(reason);
  }

  leaseEnded(lease: Lease): void {
    this.#leases.delete(lease);
    if (!this.#stopped) this.#options.onChange();
  }

  ended(link: BackendLink, end: CallEnd): void {
    this.#links.delete(link);
    if (this.#stopped) return;
    if (end.failure !== undefined) this.#lastFault = end.message;
    if (isCutOff(end)) this.#watch.doubt(end.message);
    this.#options.onChange();
  }

  /** A stream here came to a bad end, in its session's eyes; `blames` as of a verdict. */
  lost(reason: string): void {
    this.#streamsLost += 1;
    this.#lastFault = reason;
  }

  /** It had a stream and did nothing with it. */
  blame(): void {
    this.#breaker.tryPass()?.failed();
  }

  /** Gives up every stream and closes the connections; nothing is left. */
  stop(): void {
    this.#stopped = true;
    this.#watch.stop();
    this.#log.stop();
    this.#pause?.cancel();
    for (const link of this.#links) link.drop(false);
    this.#links.clear();
    // Those who have them hear of it by their calls.
    for (const lease of this.#leases) lease.release();
    this.connector.close();
  }

  get #hasRoom(): boolean {
    const { maxSessions } = this.#options.settings;
    return maxSessions === 0 || this.sessions < maxSessions;
  }

  get #isPaused(): boolean {
    return this.#breaker.state === 'open' && this.#breaker.refuses;
  }

  #onBreaker(state: BreakerState): void {
    if (this.#stopped) return;
    this.#pause?.cancel();
    if (state === 'open') {
      this.#tell(false, PAUSED, this.#lastFault);
      this.#pause = this.clock.setTimeout(() => {
        this.#options.onChange();
      }, this.#options.settings.breakerPause);
    } else if (state === 'closed') this.#tell(isWell(this.#watch.health), this.#watch.health, '');
    this.#options.onChange();
  }

  #tell(takesSessions: boolean, state: string, reason: string): void {
    this.#log.tell({ takesSessions, state, reason });
  }
}

function isWell(health: Health): boolean {
  return health === 'serving' || health === 'unwatched';
}

function isDown(health: Health): boolean {
  return health === 'not-serving' || health === 'unreachable';
}

import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { BackoffLimits } from '../flow/backoff.js';
import type { CallMetadata, DialBackend } from '../transport/client-contract.js';
import type { BackendLink, LinkEvents } from './backend-link.js';
import type { Lease } from './lease.js';
import { type AddressLevels, UpstreamAddress } from './upstream-address.js';
import type { UpstreamSettings } from './upstream-options.js';

export interface UpstreamPoolOptions {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly dial: DialBackend;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Who waits for a backend to be there. */
export interface Waiter {
  /** One may be: ask again. Never within a call made by the waiter. */
  backendMayBeThere(): void;
}

const WARN_MS = 10_000;

/** What an upstream does now, and has done. */
export interface UpstreamLevels {
  readonly name: string;
  readonly addresses: readonly AddressLevels[];
  /** Sessions without a backend. */
  readonly waiting: number;
  /** Messages sent to a backend again, for the one before did not acknowledge them. */
  readonly messagesRepeated: number;
  /** Messages that failed for want of a backend. */
  readonly messagesUnavailable: number;
  /** Messages that failed because stream after stream ended over them. */
  readonly messagesGivenUp: number;
  /** Messages of backends that are too large for their client. */
  readonly messagesRefused: number;
  /** Streams given up because no ack came. */
  readonly ackTimeouts: number;
  /** Streams given up for what the backend sent on them. */
  readonly offences: number;
}

/**
 * The backends of one named upstream. A session's stream begins at the one
 * with the fewest sessions and calls of those that are healthy, whose circuit breaker is
 * closed, and that have room. Works without `start`, which only has their
 * health known before the first session comes.
 */
export class UpstreamPool {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly backoff: BackoffLimits;
  readonly counters = {
    messagesRepeated: 0,
    messagesUnavailable: 0,
    messagesGivenUp: 0,
    messagesRefused: 0,
    ackTimeouts: 0,
    offences: 0,
  };
  readonly #addresses: readonly UpstreamAddress[];
  readonly #waiters = new Set<Waiter>();
  readonly #undecided = new Set<() => void>();
  readonly #followers = new Set<() => void>();
  /** Since when no backend is there, in Clock.now(). */
  #outSinceMs: number | undefined;
  #wakes = false;
  #warnedAtMs = -Infinity;
  #unwarned = 0;
  #started = false;
  #stopped = false;

  /** Throws a TypeError for what is no address. */
  constructor(options: UpstreamPoolOptions) {
    const { name, settings, dial, clock, random, logger } = options;
    this.name = name;
    this.settings = settings;
    this.clock = clock;
    this.random = random;
    this.logger = logger;
    this.backoff = { firstMs: settings.backoffFirst, maxMs: settings.backoffMax };
    this.#addresses = settings.addresses.map(
      (address) =>
        new UpstreamAddress({
          upstream: name,
          connector: dial(address),
          settings,
          clock,
          random,
          logger,
          onChange: () => {
            this.#changed();
          },
        }),
    );
  }

  get levels(): UpstreamLevels {
    return {
      name: this.name,
      addresses: this.#addresses.map((address) => address.levels),
      waiting: this.#waiters.size,
      ...this.counters,
    };
  }

  /** For how long no backend has been there, in milliseconds; 0 while one is, or nothing is known yet. */
  get outageMs(): number {
    this.#noteOutage();
    return this.#outSinceMs === undefined ? 0 : this.clock.now() - this.#outSinceMs;
  }

  /** Whether a backend is there: well, and let through, though it may be full. */
  get isWell(): boolean {
    return this.#addresses.some(({ isWell }) => isWell);
  }

  /** Calls whenever `isWell` may have changed; from within anything: look now, act later. Returns what ends it. */
  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => {
      this.#followers.delete(onChange);
    };
  }

  /** Connects to every address and follows its health. Idempotent. */
  start(): void {
    if (this.#started || this.#stopped) return;
    this.#started = true;
    for (const address of this.#addresses) address.start();
  }

  /** A stream at the best address, at the one to `avoid` only where there is no other; undefined where none is available. */
  open(metadata: CallMetadata, events: LinkEvents, avoid = ''): BackendLink | undefined {
    this.start();
    return (this.#best(new Set([avoid])) ?? this.#best())?.open(metadata, events);
  }

  /** The leave to make a call at the best address but those to avoid; undefined where none is available. */
  lease(avoid?: ReadonlySet<string>): Lease | undefined {
    this.start();
    return this.#best(avoid)?.lease();
  }

  /** Whether no call may begin now, and one may when those are heard from that are not known yet. */
  get isUndecided(): boolean {
    if (this.#stopped || this.#best() !== undefined) return false;
    return this.#addresses.some((address) => address.isUnknown);
  }

  /** Why no call may begin now, in a sentence without addresses. */
  get trouble(): string {
    const counts = new Map<string, number>();
    for (const { trouble } of this.#addresses)
      if (trouble !== '') counts.set(trouble, (counts.get(trouble) ?? 0) + 1);
    if (this.#addresses.length === 1) return `its backend is ${[...counts.keys()].join()}`;
    const told = [...counts].map(([trouble, count]) => `${count} ${trouble}`).join(', ');
    return `of its ${this.#addresses.length} backends ${told}`;
  }

  /** Calls once, when `isUndecided` has come to an end; never within a call made by the one who waits. Returns what takes it back. */
  whenDecided(callback: () => void): () => void {
    this.#undecided.add(callback);
    return () => {
      this.#undecided.delete(callback);
    };
  }

  /** Tells the waiter once, when a backend may be there. Returns what takes it back. */
  wait(waiter: Waiter): () => void {
    this.#waiters.add(waiter);
    return () => {
      this.#waiters.delete(waiter);
    };
  }

  /** Of a link, whose stream came to a bad end; `blames` where the address is at fault beyond that stream. */
  lost(link: BackendLink, reason: string, blames = false): void {
    const address = this.#addresses.find((each) => each.address === link.address);
    address?.lost(reason);
    if (blames) address?.blame();
  }

  /** A line about one session's stream: one in ten seconds, with how many were left out. */
  warn(fields: object, message: string): void {
    const now = this.clock.now();
    if (now - this.#warnedAtMs < WARN_MS) {
      this.#unwarned += 1;
      return;
    }
    this.#warnedAtMs = now;
    const more = this.#unwarned > 0 ? { suppressed: this.#unwarned } : {};
    this.#unwarned = 0;
    this.logger.warn({ upstream: this.name, ...fields, ...more }, message);
  }

  /** Gives up every stream and closes the connections. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#waiters.clear();
    this.#undecided.clear();
    this.#followers.clear();
    for (const address of this.#addresses) address.stop();
  }

  #best(avoid?: ReadonlySet<string>): UpstreamAddress | undefined {
    let best: UpstreamAddress | undefined;
    let equals = 0;
    for (const address of this.#addresses) {
      if (!address.isAvailable || avoid?.has(address.address) === true) continue;
      if (best === undefined || address.sessions < best.sessions) {
        best = address;
        equals = 1;
      } else if (address.sessions === best.sessions) {
        // One of the equals, each as likely as the others.
        equals += 1;
        if (this.random() * equals < 1) best = address;
      }
    }
    return best;
  }

  #noteOutage(): void {
    const isOut = !this.#addresses.some((address) => address.isWell || address.isUnknown);
    if (!isOut) this.#outSinceMs = undefined;
    else this.#outSinceMs ??= this.clock.now();
  }

  #changed(): void {
    if (this.#stopped) return;
    for (const onChange of this.#followers) onChange();
    this.#noteOutage();
    if (this.#undecided.size > 0 && !this.isUndecided) {
      const callbacks = [...this.#undecided];
      this.#undecided.clear();
      this.clock.setImmediate(() => {
        for (const callback of callbacks) callback();
      });
    }
    if (this.#wakes || this.#waiters.size === 0 || this.#best() === undefined) return;
    // In a turn of its own: changes come from within calls of those that wait.
    this.#wakes = true;
    this.clock.setImmediate(() => {
      this.#wakes = false;
      const waiters = [...this.#waiters];
      this.#waiters.clear();
      for (const waiter of waiters) waiter.backendMayBeThere();
    });
  }
}

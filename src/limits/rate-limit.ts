import type { RateFigures } from '../core/rate-figures.js';
import { FixedWindow } from '../flow/fixed-window.js';
import { KeyedLimiters } from '../flow/keyed-limiters.js';
import { LeakyBucket } from '../flow/leaky-bucket.js';
import type { RateLimiter } from '../flow/rate-limiter.js';
import { SlidingWindow } from '../flow/sliding-window.js';
import { TokenBucket } from '../flow/token-bucket.js';

/** A rate limit as the configuration has it. Times in milliseconds, sizes in bytes; 0 = off. */
export interface RateLimitConfig {
  readonly algorithm: 'token-bucket' | 'leaky-bucket' | 'fixed-window' | 'sliding-window';
  /** Who has a rate of their own; empty: all together have one. */
  readonly by: readonly ('client' | 'address' | 'route')[];
  readonly messages: number;
  readonly bytes: number;
  readonly opens: number;
  readonly per: number;
  readonly burst: number;
  readonly burstSize: number;
  readonly queue: number;
  readonly over: 'delay' | 'refuse';
  readonly maxDelay: number;
  readonly callDelay: number;
  readonly maxKeys: number;
}

/** Who sends, or opens. */
export interface Sender {
  readonly clientId: string;
  /** Their address, as connections are told apart by it: without the port. */
  readonly address: string;
}

/** What is counted, each for itself. */
export type RateUnit = RateFigures['unit'];

/** What a limit has done, and holds back now. */
class RateLimitCounters {
  /** What went at once. */
  allowed = 0;
  delayed = 0;
  refused = 0;
  /** Milliseconds that the delayed were told to wait. */
  delayedMs = 0;
  /** Being held now. */
  waiting = 0;
}

interface Meter {
  readonly unit: RateUnit;
  readonly amount: number;
  readonly limiters: KeyedLimiters;
}

/** One limit of the configuration: the rates of all who have one by it. */
export class RateLimit {
  readonly name: string;
  readonly config: RateLimitConfig;
  readonly counters = new RateLimitCounters();
  /** For what messages cost, and what opening does. */
  readonly #messages: readonly Meter[];
  readonly #opens: readonly Meter[];

  /** `random`: 0 to 1. */
  constructor(name: string, config: RateLimitConfig, random: () => number) {
    this.name = name;
    this.config = config;
    const meter = (unit: RateUnit): readonly Meter[] => {
      const { [unit]: amount, maxKeys } = config;
      if (amount === 0) return [];
      return [
        { unit, amount, limiters: new KeyedLimiters({ create: creator(unit, config), maxKeys, random }) },
      ];
    };
    this.#messages = [...meter('messages'), ...meter('bytes')];
    this.#opens = meter('opens');
  }

  get limitsMessages(): boolean {
    return this.#messages.length > 0;
  }

  get limitsOpens(): boolean {
    return this.#opens.length > 0;
  }

  /** Who and what have rates of their own now; the most of what it counts. */
  get keys(): number {
    return Math.max(...this.#meters.map(({ limiters }) => limiters.size));
  }

  /** Times that somebody had to share a rate, for there were `maxKeys`. */
  get shared(): number {
    return this.#meters.reduce((sum, { limiters }) => sum + limiters.shared, 0);
  }

  keyOf({ clientId, address }: Sender, route: string): string {
    const parts = { client: clientId, address, route };
    const [only, ...others] = this.config.by;
    if (only === undefined) return '';
    // Names, IDs and addresses hold no control characters.
    return others.length === 0 ? parts[only] : this.config.by.map((part) => parts[part]).join('\n');
  }

  /** How long a message of so many bytes would have to wait; Infinity: it may not, for the queue is full. */
  messageWaitMs(key: string, bytes: number, now: number): number {
    return waitMs(this.#messages, key, bytes, now);
  }

  takeMessage(key: string, bytes: number, now: number): void {
    take(this.#messages, key, bytes, now);
  }

  /** Of one that may wait for so long, and would have to for longer: when it may come again, to wait. */
  retryMs(key: string, bytes: number, now: number, mayWaitMs: number): number {
    const late = this.#messages.map(({ unit, limiters }) => {
      const limiter = limiters.of(key, now);
      return limiter.waitMs(now, unit === 'bytes' ? bytes : 1) - Math.min(mayWaitMs, limiter.maxWaitMs);
    });
    return Math.max(0, ...late);
  }

  openWaitMs(key: string, now: number): number {
    return waitMs(this.#opens, key, 0, now);
  }

  takeOpen(key: string, now: number): void {
    take(this.#opens, key, 0, now);
  }

  figures(what: 'messages' | 'opens', key: string, now: number): readonly RateFigures[] {
    const meters = what === 'messages' ? this.#messages : this.#opens;
    return meters.map(({ unit, amount, limiters }) => {
      const limiter = limiters.of(key, now);
      return {
        limit: this.name,
        unit,
        amount,
        perMs: this.config.per,
        remaining: limiter.remaining(now),
        resetMs: limiter.resetMs(now),
      };
    });
  }

  get #meters(): readonly Meter[] {
    return [...this.#messages, ...this.#opens];
  }
}

function waitMs(meters: readonly Meter[], key: string, bytes: number, now: number): number {
  let longest = 0;
  for (const { unit, limiters } of meters) {
    const limiter = limiters.of(key, now);
    const wait = limiter.waitMs(now, unit === 'bytes' ? bytes : 1);
    if (wait > limiter.maxWaitMs) return Infinity;
    if (wait > longest) longest = wait;
  }
  return longest;
}

function take(meters: readonly Meter[], key: string, bytes: number, now: number): void {
  for (const { unit, limiters } of meters) limiters.of(key, now).take(now, unit === 'bytes' ? bytes : 1);
}

/** Limiters of one kind share their rate. */
function creator(unit: RateUnit, config: RateLimitConfig): (now: number) => RateLimiter {
  const { algorithm, [unit]: amount, per: perMs, burst, burstSize, queue } = config;
  const rate = { amount, perMs };
  switch (algorithm) {
    case 'fixed-window':
      return (now) => new FixedWindow(rate, now);
    case 'sliding-window':
      return (now) => new SlidingWindow(rate, now);
    case 'token-bucket': {
      const given = unit === 'bytes' ? burstSize : burst;
      const burstRate = { ...rate, burst: given === 0 ? amount : given };
      return (now) => new TokenBucket(burstRate, now);
    }
    case 'leaky-bucket': {
      // Its queue is one of messages; those of bytes are bounded by the time that one is held.
      const queueRate = { ...rate, queue: unit === 'bytes' ? Infinity : queue };
      return (now) => new LeakyBucket(queueRate, now);
    }
  }
}

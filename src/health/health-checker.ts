import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';

/** What the checker asks of whoever holds the connections. Times are `Clock.now()` milliseconds. */
export interface Probe {
  /** Every connection from which nothing has arrived since before `since` while the gateway was reading it. */
  silentSince(since: number): Iterable<ProbeTarget>;
}

/** One silent connection. None of these throws. */
export interface ProbeTarget {
  readonly id: string;
  /** Whether it has ended, for whatever reason: nothing is left to check. */
  readonly ended: boolean;
  /** Queues a HEALTH_CHECK with this sequence; false when the control queue has no room. */
  probe(sequence: number): boolean;
  /** Whether anything has arrived after `since`, or nothing could because the gateway had stopped reading. */
  heardSince(since: number): boolean;
  end(error: SluiceError): void;
}

/** What the checker counts; `StreamMetrics` has them. */
export interface ProbeCounters {
  probesSent: number;
  probesAnswered: number;
  probesFailed: number;
}

export interface HealthCheckerOptions {
  readonly clock: Clock;
  readonly probe: Probe;
  readonly metrics: ProbeCounters;
  /** Milliseconds between checks (`health.interval`); 0 = no checks. */
  readonly intervalMs: number;
  /** Silence in milliseconds after which a connection is probed (`health.maxInactivity`). */
  readonly maxInactivityMs: number;
  /** How long a probe may wait for room in the control queue (`health.probeQueueTimeout`). */
  readonly queueTimeoutMs: number;
  /** How long a queued probe may go unanswered (`health.probeAnswerTimeout`). */
  readonly answerTimeoutMs: number;
  /** Probes under way at once; the others wait for their turn. Default 10,000. */
  readonly maxProbesUnderWay?: number;
  /** In [0, 1). Default `Math.random`; the sequence is no secret, only hard to answer by accident. */
  readonly random?: () => number;
}

interface ProbeUnderWay {
  readonly target: ProbeTarget;
  readonly sequence: number;
  readonly startedMs: number;
  /** Undefined while the control queue has no room for it. */
  queuedMs: number | undefined;
}

/** The coarsest and the finest look at probes under way: a timeout is late by at most this much. */
const MAX_LOOK_MS = 250;
const MIN_LOOK_MS = 10;
const DEFAULT_MAX_PROBES = 10_000;

/**
 * Finds connections whose client is gone without a word. Whoever was silent
 * for `maxInactivity` gets a HEALTH_CHECK; whoever does not answer it, or can
 * not even be sent it, is ended as STALE. Anything that arrives is an answer.
 * All probes share one timer, which runs only while there are any.
 */
export class HealthChecker {
  readonly #options: HealthCheckerOptions;
  readonly #maxProbes: number;
  readonly #lookMs: number;
  readonly #underWay = new Map<string, ProbeUnderWay>();
  /** Whether the last scan had to leave silent connections for later. */
  #leftOver = false;
  #scanTimer: Timer | undefined;
  #lookTimer: Timer | undefined;

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
    this.#maxProbes = options.maxProbesUnderWay ?? DEFAULT_MAX_PROBES;
    const shortest = Math.min(options.queueTimeoutMs, options.answerTimeoutMs);
    this.#lookMs = Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, shortest / 8));
  }

  /** Probes that are neither answered nor failed; for metrics and tests. */
  get probesUnderWay(): number {
    return this.#underWay.size;
  }

  /** The first check is one interval from here. Idempotent. */
  start(): void {
    if (this.#options.intervalMs <= 0) return;
    this.#scanTimer ??= this.#armScan();
  }

  /** Forgets the probes under way and leaves no timer. Idempotent. */
  stop(): void {
    this.#scanTimer?.cancel();
    this.#scanTimer = undefined;
    this.#lookTimer?.cancel();
    this.#lookTimer = undefined;
    this.#underWay.clear();
    this.#leftOver = false;
  }

  #armScan(): Timer {
    return this.#options.clock.setTimeout(() => {
      this.#scanTimer = this.#armScan();
      this.#scan();
    }, this.#options.intervalMs);
  }

  #scan(): void {
    const nowMs = this.#options.clock.now();
    this.#leftOver = false;
    for (const target of this.#options.probe.silentSince(nowMs - this.#options.maxInactivityMs)) {
      if (this.#underWay.has(target.id)) continue;
      if (this.#underWay.size >= this.#maxProbes) {
        this.#leftOver = true;
        break;
      }
      const probe = { target, sequence: this.#newSequence(), startedMs: nowMs, queuedMs: undefined };
      this.#underWay.set(target.id, probe);
      this.#tryToQueue(probe, nowMs);
    }
    if (this.#underWay.size > 0) this.#lookTimer ??= this.#armLook();
  }

  #armLook(): Timer {
    return this.#options.clock.setTimeout(() => {
      this.#lookTimer = undefined;
      this.#look();
    }, this.#lookMs);
  }

  /** Settles what can be settled; comes back while probes are under way. */
  #look(): void {
    const nowMs = this.#options.clock.now();
    for (const [id, probe] of this.#underWay) {
      if (this.#settled(probe, nowMs)) this.#underWay.delete(id);
    }
    if (this.#leftOver && this.#underWay.size < this.#maxProbes) this.#scan();
    if (this.#underWay.size > 0) this.#lookTimer ??= this.#armLook();
  }

  #settled(probe: ProbeUnderWay, nowMs: number): boolean {
    if (probe.target.ended) return true;
    if (probe.target.heardSince(probe.startedMs)) {
      if (probe.queuedMs !== undefined) this.#options.metrics.probesAnswered += 1;
      return true;
    }
    const { queueTimeoutMs, answerTimeoutMs } = this.#options;
    if (probe.queuedMs !== undefined) {
      if (nowMs - probe.queuedMs < answerTimeoutMs) return false;
      this.#fail(
        probe,
        nowMs,
        `a health check was not answered within ${answerTimeoutMs} ms (health.probeAnswerTimeout)`,
      );
      return true;
    }
    if (nowMs - probe.startedMs >= queueTimeoutMs) {
      this.#fail(
        probe,
        nowMs,
        `a health check found no room in its send queue within ${queueTimeoutMs} ms (health.probeQueueTimeout)`,
      );
      return true;
    }
    this.#tryToQueue(probe, nowMs);
    return false;
  }

  #tryToQueue(probe: ProbeUnderWay, nowMs: number): void {
    if (!probe.target.probe(probe.sequence)) return;
    probe.queuedMs = nowMs;
    this.#options.metrics.probesSent += 1;
  }

  #fail(probe: ProbeUnderWay, nowMs: number, what: string): void {
    const { metrics, maxInactivityMs } = this.#options;
    const silentMs = Math.round(maxInactivityMs + nowMs - probe.startedMs);
    metrics.probesFailed += 1;
    probe.target.end(
      new SluiceError(
        'STALE',
        `Nothing has arrived for at least ${silentMs} ms, more than ${maxInactivityMs} ms (health.maxInactivity), and ${what}.`,
      ),
    );
  }

  /** From 1 to 2^53 - 1, what every language's client can hold. */
  #newSequence(): number {
    return 1 + Math.floor((this.#options.random ?? Math.random)() * (Number.MAX_SAFE_INTEGER - 1));
  }
}

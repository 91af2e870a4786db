import type { Connector, Dial } from '../../transport/client-contract.js';
import { type BackoffLimits, fullJitterMs } from '../../flow/backoff.js';
import type { ClientError } from '../client-error.js';

/** At most one attempt in this time begins without any wait; a gateway that takes us and drops us is not hammered. */
const AT_ONCE_EVERY_MS = 1_000;

/** A connection, or a session, that has lived so long has worked: what fails later is another matter. */
export const STABLE_MS = 5_000;

/** The most that connections wait which open and are soon lost: what they are for goes on between the losses. */
const MAX_SHORT_MS = 2_000;

/** No sane limit of age, messages or bytes is reached sooner. */
const HURRY_MS = 500;

/** One gateway address, and what is known of it. Only `Endpoints` changes it. */
export interface Endpoint {
  readonly address: string;
  readonly connector: Connector;
  /** Rises with each `renew`: the connections of before are not counted on any more. */
  generation: number;
  /** In a row, without a sign that it works. */
  failures: number;
  /** No attempt before, in Clock.now(). */
  notBeforeMs: number;
  /** Before that the gateway itself wants no attempt. */
  askedUntilMs: number;
  /** When it failed, in turns: who failed longest ago is tried first; 0: has not failed since it last worked. */
  failedTurn: number;
  /** When the last failure was counted: connections begun before it tell nothing new. */
  countedAtMs: number;
  atOnceAtMs: number;
  /** Connections in a row that were asked to leave as soon as they were there. */
  hurried: number;
  /** Connections in a row that had worked and were lost before they were stable. */
  shortLived: number;
  /** When the last of these was counted: those begun before it were lost with it. */
  shortCountedAtMs: number;
  /** It has been a gateway. */
  wasWelcomed: boolean;
  /** The gateway there is leaving, until about then. */
  leavingUntilMs: number;
  /** The last failure, where it says that another attempt will fail as well. */
  refusal: ClientError | undefined;
}

export interface EndpointsOptions {
  readonly addresses: readonly string[];
  readonly dial: Dial;
  readonly backoff: BackoffLimits;
  readonly random: () => number;
}

/**
 * The addresses of a client: which is tried next, and when. The one that worked
 * last comes first, then the others in turn; each waits by itself after it
 * failed, longer with each failure, so that there is a wait only after a round.
 */
export class Endpoints {
  readonly all: readonly Endpoint[];
  readonly #options: EndpointsOptions;
  #turn = 0;
  #workedLast = 0;

  /** @throws TypeError for what is no address. */
  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.all = options.addresses.map((address) => ({
      address,
      connector: options.dial(address),
      generation: 0,
      failures: 0,
      notBeforeMs: -Infinity,
      askedUntilMs: -Infinity,
      failedTurn: 0,
      countedAtMs: -Infinity,
      atOnceAtMs: -Infinity,
      hurried: 0,
      shortLived: 0,
      shortCountedAtMs: -Infinity,
      wasWelcomed: false,
      leavingUntilMs: -Infinity,
      refusal: undefined,
    }));
  }

  /** Each has failed since it last worked. */
  get allFailed(): boolean {
    return this.all.every(({ failures }) => failures > 0);
  }

  /** The one to try next, perhaps after a wait until its `notBeforeMs`; those that are leaving only where all others wait after a failure. */
  next(now: number): Endpoint {
    const staying = this.all.filter(({ leavingUntilMs }) => leavingUntilMs <= now);
    // One that left may be back for long when the others fail: gateways are restarted one by one.
    const isUsable = staying.some(({ failures, notBeforeMs }) => failures === 0 || notBeforeMs <= now);
    return this.#inTurn(isUsable ? staying : this.all, now);
  }

  /** It does what a gateway is for: the failures of before are forgotten. */
  worked(endpoint: Endpoint): void {
    endpoint.failures = 0;
    endpoint.failedTurn = 0;
    endpoint.refusal = undefined;
    this.#workedLast = this.all.indexOf(endpoint);
  }

  /**
   * A connection begun at `begunAtMs` failed there before it was of any use.
   * Returns how long to wait before the next attempt there: at least what the
   * gateway asked for.
   */
  failed(endpoint: Endpoint, error: ClientError, begunAtMs: number, now: number): number {
    // Many connections that end of one cause are one failure.
    if (begunAtMs < endpoint.countedAtMs) return this.#waitAtLeast(endpoint, error.retryAfterMs ?? 0, now);
    const waitMs = this.#waitMs(endpoint, error, now, endpoint.failures, this.#options.backoff);
    endpoint.countedAtMs = now;
    endpoint.failures += 1;
    this.#turn += 1;
    endpoint.failedTurn = this.#turn;
    return this.#waitAtLeast(endpoint, waitMs, now);
  }

  /**
   * A connection begun at `begunAtMs` that had `worked` has ended. Returns as
   * `failed` does: the waits grow, within limits, where that comes soon again and again.
   */
  lost(endpoint: Endpoint, error: ClientError, begunAtMs: number, now: number): number {
    const { backoff } = this.#options;
    const limits = { ...backoff, maxMs: Math.min(backoff.maxMs, MAX_SHORT_MS) };
    if (now - begunAtMs >= STABLE_MS) endpoint.shortLived = 0;
    const failures = Math.max(endpoint.failures, endpoint.shortLived);
    const waitMs = this.#waitMs(endpoint, error, now, failures, limits);
    if (now - begunAtMs < STABLE_MS && begunAtMs >= endpoint.shortCountedAtMs) {
      endpoint.shortCountedAtMs = now;
      endpoint.shortLived += 1;
    }
    return this.#waitAtLeast(endpoint, waitMs, now);
  }

  /** A connection begun at `begunAtMs` is asked to leave: the next one waits, where that comes too soon again and again. */
  left(endpoint: Endpoint, begunAtMs: number, now: number): void {
    if (now - begunAtMs >= HURRY_MS) {
      endpoint.hurried = 0;
      return;
    }
    const { backoff, random } = this.#options;
    const waitMs = endpoint.hurried === 0 ? 0 : fullJitterMs(endpoint.hurried - 1, backoff, random);
    this.#waitAtLeast(endpoint, waitMs, now);
    endpoint.hurried += 1;
  }

  /** What failed before tells nothing of now: nobody waits; save where a gateway has asked for it. */
  tryNow(now: number): void {
    for (const endpoint of this.all) {
      endpoint.notBeforeMs = Math.min(endpoint.notBeforeMs, Math.max(now, endpoint.askedUntilMs));
    }
  }

  leaving(endpoint: Endpoint, untilMs: number): void {
    endpoint.leavingUntilMs = untilMs;
  }

  /** Streams begun before are on connections that are not to be used for new ones. Many say so of one connection. */
  renew(endpoint: Endpoint, generation: number): void {
    if (generation !== endpoint.generation) return;
    endpoint.generation += 1;
    endpoint.connector.renew();
  }

  close(): void {
    for (const { connector } of this.all) connector.close();
  }

  /** At once where the advice is that and nothing has failed since, else at random; behind what the gateway asked for. */
  #waitMs(
    endpoint: Endpoint,
    error: ClientError,
    now: number,
    failures: number,
    backoff: BackoffLimits,
  ): number {
    const askedMs = error.retryAfterMs ?? 0;
    endpoint.askedUntilMs = Math.max(endpoint.askedUntilMs, now + askedMs);
    if (failures === 0 && error.retry === 'now' && now - endpoint.atOnceAtMs >= AT_ONCE_EVERY_MS) {
      endpoint.atOnceAtMs = now;
      return askedMs;
    }
    return askedMs + fullJitterMs(failures, backoff, this.#options.random);
  }

  #waitAtLeast(endpoint: Endpoint, waitMs: number, now: number): number {
    endpoint.notBeforeMs = Math.max(endpoint.notBeforeMs, now + waitMs);
    return endpoint.notBeforeMs - now;
  }

  #inTurn(some: readonly Endpoint[], now: number): Endpoint {
    const { length } = this.all;
    const rank = (endpoint: Endpoint): number =>
      (this.all.indexOf(endpoint) - this.#workedLast + length) % length;
    const sooner = (a: Endpoint, b: Endpoint): number =>
      Math.max(a.notBeforeMs, now) - Math.max(b.notBeforeMs, now) ||
      a.failedTurn - b.failedTurn ||
      rank(a) - rank(b);
    return [...some].sort(sooner)[0] as Endpoint;
  }
}

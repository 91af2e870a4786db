import type { Clock, Timer } from '../../core/clock.js';
import { type BackoffLimits, fullJitterMs } from '../../flow/backoff.js';
import { ClientError } from '../client-error.js';
import { isToken, MAX_TOKEN_BYTES, noTokenBecause } from '../client-settings.js';
import type { TokenSource } from '../client-options.js';

export interface TokenKeeperOptions {
  readonly source: TokenSource | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly backoff: BackoffLimits;
  /** How long the function may take. */
  readonly timeoutMs: number;
  /** A fresh token, to be shown on every connection there is. */
  readonly onRenewed: (token: string) => void;
  readonly onFailed: (error: ClientError) => void;
}

/** Connections begun within this time of one another share a token. */
const SHARED_FOR_MS = 1_000;
/** A gateway that says without end that the token is about to expire does not make a mill of us. */
const RENEW_EVERY_MS = 1_000;
/** Of the time a token still has: the gateway may be told in the rest. */
const RENEW_AFTER = 3 / 4;

/**
 * Knows where tokens come from, and asks in time: before each connection, and
 * before the present token expires. Nothing it says or throws has a token in it.
 */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  /** The token asked for; as long as connections may share it. */
  #shared: Promise<string> | undefined;
  #sharedUntilMs = 0;
  #asking: AbortController | undefined;
  #renewal: Timer | undefined;
  #renewAtMs = Infinity;
  #renewedAtMs = -Infinity;
  /** When the present token is over: until then a failed renewal is tried again. */
  #expiresAtMs = 0;
  #failures = 0;
  #stopped = false;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** Whether another token can be had when one was refused. */
  get isRenewable(): boolean {
    return typeof this.#options.source === 'function';
  }

  /** The token for a new connection. Rejects with TOKEN_SOURCE. */
  current(): Promise<string> | string | undefined {
    const { source, clock } = this.#options;
    if (typeof source !== 'function') return source;
    if (this.#asking === undefined && clock.now() >= this.#sharedUntilMs) this.#shared = undefined;
    return (this.#shared ??= this.#ask(source));
  }

  /** The gateway did not take it: nobody shares it any more. */
  refused(): void {
    if (this.#asking === undefined) this.#shared = undefined;
  }

  /** The gateway says how long the token of a connection still holds. */
  expiresIn(ms: number): void {
    if (!this.isRenewable) return;
    this.#expiresAtMs = this.#options.clock.now() + ms;
    this.#failures = 0;
    this.#renewIn(ms * RENEW_AFTER);
  }

  /** The gateway can not judge tokens now: the present one holds until it expires. */
  unjudged(error: ClientError): void {
    if (this.isRenewable) this.#again(error);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRenewal();
    this.#asking?.abort(new ClientError('CLOSED', 'The client was closed.'));
  }

  #renewIn(ms: number): void {
    const { clock } = this.#options;
    const now = clock.now();
    const atMs = Math.max(now + ms, this.#renewedAtMs + RENEW_EVERY_MS);
    // Each connection says when its own token expires; one fresh token serves them all.
    if (this.#stopped || atMs >= this.#renewAtMs) return;
    this.#cancelRenewal();
    this.#renewAtMs = atMs;
    this.#renewal = clock.setTimeout(() => {
      this.#cancelRenewal();
      this.#renewedAtMs = clock.now();
      this.#sharedUntilMs = 0;
      void this.#renew();
    }, atMs - now);
  }

  #cancelRenewal(): void {
    this.#renewal?.cancel();
    this.#renewal = undefined;
    this.#renewAtMs = Infinity;
  }

  async #renew(): Promise<void> {
    try {
      const token = await this.current();
      if (this.#stopped || token === undefined) return;
      this.#failures = 0;
      this.#options.onRenewed(token);
    } catch (error) {
      if (!this.#stopped) this.#again(error as ClientError);
    }
  }

  #again(error: ClientError): void {
    const { clock, backoff, random, onFailed } = this.#options;
    onFailed(error);
    // The closer the expiry, the sooner: what can be had again just before it is still in time.
    const leftMs = this.#expiresAtMs - clock.now();
    const randomMs = Math.min(fullJitterMs(this.#failures, backoff, random), leftMs / 2);
    const waitMs = Math.max(error.retryAfterMs ?? 0, randomMs);
    this.#failures += 1;
    // Behind the expiry the connection is over, and the next one asks by itself.
    if (waitMs < leftMs) this.#renewIn(waitMs);
  }

  /** Calls the function, bounded in time. */
  async #ask(source: Exclude<TokenSource, string>): Promise<string> {
    const { clock, timeoutMs } = this.#options;
    const asking = new AbortController();
    this.#asking = asking;
    const timer = clock.setTimeout(() => {
      asking.abort(
        new ClientError(
          'TOKEN_SOURCE',
          `The function that gives the token took longer than ${timeoutMs} ms.`,
        ),
      );
    }, timeoutMs);
    const aborted = new Promise<never>((_, reject) => {
      asking.signal.addEventListener('abort', () => {
        reject(asking.signal.reason as ClientError);
      });
    });
    try {
      const token: unknown = await Promise.race([this.#call(source, asking.signal), aborted]);
      if (!isToken(token)) throw noToken(token);
      this.#sharedUntilMs = clock.now() + SHARED_FOR_MS;
      return token;
    } catch (error) {
      this.#sharedUntilMs = 0;
      if (error instanceof ClientError && (error.code === 'TOKEN_SOURCE' || asking.signal.aborted))
        throw error;
      throw new ClientError(
        'TOKEN_SOURCE',
        'The function that gives the token failed; its error is the cause.',
        {
          cause: error,
        },
      );
    } finally {
      timer.cancel();
      this.#asking = undefined;
    }
  }

  /** Also what it throws at once is a rejection. */
  async #call(source: Exclude<TokenSource, string>, signal: AbortSignal): Promise<string> {
    return await source(signal);
  }
}

function noToken(given: unknown): ClientError {
  return new ClientError(
    'TOKEN_SOURCE',
    `token gave what is ${noTokenBecause(given)}: expected is a text of printable ASCII without spaces, of at most ${MAX_TOKEN_BYTES} bytes.`,
  );
}

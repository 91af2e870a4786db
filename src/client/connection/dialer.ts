import type { Clock, Timer } from '../../core/clock.js';
import type { CallMetadata } from '../../transport/client-contract.js';
import type { ClientError } from '../client-error.js';
import type { ClientSettings } from '../client-settings.js';
import type { Endpoint } from './endpoints.js';
import { Link, type LinkOwner } from './link.js';
import type { TokenKeeper } from './token-keeper.js';

export interface DialerOwner extends LinkOwner {
  connecting(endpoint: Endpoint): void;
  /** It is time for the attempt that had to wait. */
  due(): void;
  /** There was no token for a connection to that endpoint. */
  noToken(endpoint: Endpoint, error: ClientError, begunAtMs: number): void;
  /** What a connection shows with this token. */
  metadata(token: string | undefined): CallMetadata;
}

export interface DialerOptions {
  readonly settings: ClientSettings;
  readonly keeper: TokenKeeper;
  readonly clock: Clock;
  readonly random: () => number;
}

interface Attempt {
  readonly endpoint: Endpoint;
  readonly begunAtMs: number;
  /** None while a token is waited for. */
  link: Link | undefined;
}

/** Begins links, one at a time and not too early. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #owner: DialerOwner;
  #attempt: Attempt | undefined;
  #next: Timer | undefined;

  constructor(options: DialerOptions, owner: DialerOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** One is begun, or waits to be. */
  get isBusy(): boolean {
    return this.#attempt !== undefined || this.#next !== undefined;
  }

  /** Begins a link to that gateway; unless one is begun already. Where it is too early, `due` is called when it no longer is. */
  begin(endpoint: Endpoint): void {
    if (this.#attempt !== undefined) return;
    const { clock, keeper } = this.#options;
    this.#next?.cancel();
    this.#next = undefined;
    const now = clock.now();
    if (endpoint.notBeforeMs > now) {
      this.#next = clock.setTimeout(() => {
        this.#next = undefined;
        this.#owner.due();
      }, endpoint.notBeforeMs - now);
      return;
    }
    const attempt: Attempt = { endpoint, begunAtMs: now, link: undefined };
    this.#attempt = attempt;
    this.#owner.connecting(endpoint);
    const token = keeper.current();
    if (token instanceof Promise) void this.#connectWith(attempt, token);
    else this.#connect(attempt, token);
  }

  /** This link is welcome, or over: whether it was the one begun, which it is no longer. */
  settle(link: Link): boolean {
    if (this.#attempt?.link !== link) return false;
    this.#attempt = undefined;
    return true;
  }

  /** Nothing waits, and nothing is under way any more. */
  stop(): void {
    this.#next?.cancel();
    this.#next = undefined;
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.link?.giveUp(undefined);
  }

  async #connectWith(attempt: Attempt, asked: Promise<string>): Promise<void> {
    try {
      const token = await asked;
      if (this.#attempt === attempt) this.#connect(attempt, token);
    } catch (error) {
      if (this.#attempt !== attempt) return;
      this.#attempt = undefined;
      this.#owner.noToken(attempt.endpoint, error as ClientError, attempt.begunAtMs);
    }
  }

  #connect(attempt: Attempt, token: string | undefined): void {
    const { settings, clock, random } = this.#options;
    const { method, connectTimeoutMs } = settings;
    const { endpoint } = attempt;
    const metadata = this.#owner.metadata(token);
    attempt.link = new Link({ endpoint, metadata, method, connectTimeoutMs, clock, random }, this.#owner);
  }
}

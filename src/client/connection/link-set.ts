import type { Clock, Timer } from '../../core/clock.js';
import { ClientError } from '../client-error.js';
import type { Endpoint } from './endpoints.js';
import type { Link } from './link.js';

/** For how long a link without sessions is kept, for the next one. */
const IDLE_MS = 30_000;

export interface LinkSetOptions {
  readonly clock: Clock;
  readonly sessionsPerStream: number;
  readonly maxStreams: number;
}

/** The links that are welcome, and how much room they have. */
export class LinkSet implements Iterable<Link> {
  readonly #options: LinkSetOptions;
  readonly #links = new Set<Link>();
  readonly #idle = new Map<Link, Timer>();
  /** What Welcome last said, for links that are not yet there. */
  #maxSessions = 0;

  constructor(options: LinkSetOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#links.size;
  }

  [Symbol.iterator](): Iterator<Link> {
    return this.#links.values();
  }

  add(link: Link): void {
    this.#links.add(link);
    this.#maxSessions = link.welcome?.maxSessions ?? 0;
  }

  delete(link: Link): void {
    this.#links.delete(link);
    this.used(link);
  }

  /** Any link on which something can be said. */
  anyOpen(): Link | undefined {
    for (const link of this.#links) if (link.state === 'open') return link;
    return undefined;
  }

  /** A link with room for one more session of that gateway; of any, where it is undefined. */
  roomFor(home: Endpoint | undefined): Link | undefined {
    for (const link of this.#links) {
      if (link.state !== 'open' || link.draining === 'connection') continue;
      // A gateway that leaves takes back whom it knows, and nobody new.
      if (home === undefined ? link.draining === 'gateway' : home !== link.endpoint) continue;
      if (link.sessions.size < this.#perLink(link.welcome?.maxSessions ?? 0)) return link;
    }
    return undefined;
  }

  /** How many sessions there may be in all, as far as is known. */
  get capacity(): number {
    return this.#options.maxStreams * this.#perLink(this.#maxSessions);
  }

  /**
   * There are as many links as there may be. Those that are being left do not
   * count; nor do others, where the home of a session has none.
   */
  isFull(home: Endpoint | undefined): boolean {
    let links = 0;
    let hasHome = home === undefined;
    for (const { state, draining, endpoint } of this.#links) {
      if (state !== 'open' || draining !== undefined) continue;
      links += 1;
      hasHome ||= endpoint === home;
    }
    return hasHome && links >= this.#options.maxStreams;
  }

  /** The error of an open for which there is no room. */
  fullError(sessions: number): ClientError {
    const { maxStreams, sessionsPerStream } = this.#options;
    const perLink = this.#perLink(this.#maxSessions);
    const whose = perLink < sessionsPerStream ? "the gateway's limit of a connection" : 'sessionsPerStream';
    return new ClientError(
      'SESSION_LIMIT',
      `This client has ${sessions} sessions, and room for ${this.capacity}: ${perLink} (${whose}) on each of ${maxStreams} streams (maxStreams).`,
    );
  }

  /** It is of use: it is kept. */
  used(link: Link): void {
    this.#idle.get(link)?.cancel();
    this.#idle.delete(link);
  }

  /** Leaves those that are of no use: at once where they are draining, else after a while. */
  leaveIdle(): void {
    for (const link of this.#links) {
      if (link.state !== 'open' || link.sessions.size > 0) continue;
      if (link.draining !== undefined) link.leave();
      else if (!this.#idle.has(link)) this.#leaveLater(link);
    }
  }

  #leaveLater(link: Link): void {
    const timer = this.#options.clock.setTimeout(() => {
      this.#idle.delete(link);
      if (link.isPinging) this.#leaveLater(link);
      else link.leave();
    }, IDLE_MS);
    this.#idle.set(link, timer);
  }

  #perLink(maxSessions: number): number {
    const { sessionsPerStream } = this.#options;
    return maxSessions === 0 ? sessionsPerStream : Math.min(sessionsPerStream, maxSessions);
  }
}

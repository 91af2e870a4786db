import type { Clock, Timer } from '../../core/clock.js';
import type { Connector } from '../../transport/client-contract.js';
import type { AttachedSession, SessionHost } from '../attached-session.js';
import { fullJitterMs } from '../../flow/backoff.js';
import { ClientError } from '../client-error.js';
import type { ClientEvent } from '../client-event.js';
import type { ClientSettings } from '../client-settings.js';
import { Dialer, type DialerOwner } from './dialer.js';
import { type Endpoint, Endpoints, STABLE_MS } from './endpoints.js';
import type { DrainKind, Link } from './link.js';
import { LinkSet } from './link-set.js';
import type { ClientParts } from '../client-options.js';
import { randomId } from '../random-id.js';
import { isOfTheAddress, isOfTheToken, Refusals } from './refusals.js';
import { TokenKeeper } from './token-keeper.js';

/** How long a gateway that refuses what is new is passed over, where it has not said how long it stays. */
const LEAVING_MS = 10_000;
/**
 * For how long a session that was open is for its own gateway only, where that
 * can not be reached: another one does not have it, and what was not
 * acknowledged would be in doubt.
 */
const HOME_MS = 2_000;

/** How long a gateway has to answer who asks whether it is still there. */
const ANSWER_MS = 3_000;
/** What wakes us comes in bursts. */
const WAKE_EVERY_MS = 1_000;

/** One session, and where it is. */
interface Place {
  readonly session: AttachedSession;
  /** It is carried there. */
  link: Link | undefined;
  /** Where the gateway is that has it, as far as we know: it is resumed there, while that can be reached. */
  home: Endpoint | undefined;
  /** It is to be opened anew, and not yet. */
  rest: Timer | undefined;
  /** Openings and endings in a row. */
  failures: number;
  openedAtMs: number;
  lostAtMs: number;
  /** The last reason why it is not open. */
  error: ClientError | undefined;
  /** Until it is open, the first failure ends it. */
  readonly isImpatient: boolean;
}

/** Somebody who needs a connection, and no session. */
export interface LinkWaiter {
  readonly isImpatient: boolean;
  give(link: Link): void;
  fail(error: ClientError): void;
}

/**
 * All the connections of a client, and which of them carries which session.
 * One connection is begun at a time: a thousand sessions come back on ten, one
 * after the other, and no second one is begun where the first is not welcome.
 */
export class Connections implements SessionHost, DialerOwner {
  readonly clock: Clock;
  readonly endpoints: Endpoints;
  readonly #settings: ClientSettings;
  readonly #random: () => number;
  readonly #keeper: TokenKeeper;
  readonly #places = new Map<AttachedSession, Place>();
  readonly #ids = new Set<string>();
  /** Places without a link that are not resting, the one that is to be attached first in front. */
  readonly #waiting = new Set<Place>();
  readonly #waiters = new Set<LinkWaiter>();
  readonly #links: LinkSet;
  readonly #dialer: Dialer;
  readonly #refusals: Refusals;
  #arrangeQueued = false;
  #clientId: string | undefined;
  /** Who we say we are until we know: a call that is made again is then of the same client, and known as a repetition. */
  readonly #madeUpId = randomId();
  #lastError: ClientError | undefined;
  #closed = false;
  #wokenAtMs = -Infinity;
  #whenLeft: (() => void) | undefined;

  /** @throws TypeError for what is no address. */
  constructor(addresses: readonly string[], settings: ClientSettings, { dial, clock, random }: ClientParts) {
    this.clock = clock;
    this.#settings = settings;
    this.#random = random;
    this.#clientId = settings.clientId;
    const { backoff, connectTimeoutMs: timeoutMs } = settings;
    this.endpoints = new Endpoints({ addresses, dial, backoff, random });
    this.#keeper = new TokenKeeper({
      source: settings.token,
      ...{ clock, random, backoff, timeoutMs },
      onRenewed: (token) => {
        for (const link of this.#links) if (link.state === 'open') link.authenticate(token);
      },
      onFailed: (error) => {
        this.#tell({ kind: 'token-failed', error });
      },
    });
    this.#links = new LinkSet({ clock, ...settings });
    this.#dialer = new Dialer({ settings, keeper: this.#keeper, clock, random }, this);
    this.#refusals = new Refusals(this.endpoints.all, this.#keeper.isRenewable);
  }

  /** Who the gateway takes us for; undefined before the first Welcome, where no option says it. */
  get clientId(): string | undefined {
    return this.#clientId;
  }

  get sessions(): number {
    return this.#places.size;
  }

  get isConnected(): boolean {
    return this.#links.anyOpen() !== undefined;
  }

  get isConnecting(): boolean {
    return this.#dialer.isBusy;
  }

  /** The last reason why there was no connection. */
  get lastError(): ClientError | undefined {
    return this.#lastError;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Whether there may be room for one more session. */
  get hasRoom(): boolean {
    return this.#places.size < this.#links.capacity;
  }

  /** The error of an open for which there is no room. */
  fullError(): ClientError {
    return this.#links.fullError(this.#places.size);
  }

  /** Takes a session in: it is attached as soon as there is a connection for it. */
  add(session: AttachedSession, isImpatient: boolean): void {
    const place: Place = {
      session,
      isImpatient,
      link: undefined,
      home: undefined,
      rest: undefined,
      failures: 0,
      openedAtMs: 0,
      lostAtMs: 0,
      error: undefined,
    };
    this.#places.set(session, place);
    this.#ids.add(session.id);
    this.#waiting.add(place);
    this.#arrangeSoon();
  }

  /** Why this session is not open yet, as far as is known. */
  errorOf(session: AttachedSession): ClientError | undefined {
    return this.#places.get(session)?.error ?? this.#lastError;
  }

  /** Whether a connection carries it, so that the gateway may know it. */
  isCarried(session: AttachedSession): boolean {
    return this.#places.get(session)?.link !== undefined;
  }

  /** Gives the waiter a link as soon as there is one; `withdraw` takes that back. */
  want(waiter: LinkWaiter): void {
    this.#waiters.add(waiter);
    this.#arrangeSoon();
  }

  withdraw(waiter: LinkWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Ends all sessions that are left, and leaves the links; resolves when they are over. */
  async close(error: ClientError): Promise<void> {
    this.#closed = true;
    this.#keeper.stop();
    for (const waiter of [...this.#waiters]) waiter.fail(error);
    for (const { session } of [...this.#places.values()]) session.fail(error);
    this.#dialer.stop();
    for (const link of [...this.#links]) link.leave();
    await new Promise<void>((resolve) => {
      this.#whenLeft = resolve;
      this.#resolveIfLeft();
    });
    this.endpoints.close();
  }

  /** Cancels what `close` waits for. */
  cut(): void {
    for (const link of [...this.#links]) link.giveUp(undefined);
  }

  // --- the calls that are no stream ---

  /** The token for a new call. Rejects with TOKEN_SOURCE. */
  async token(): Promise<string | undefined> {
    return await this.#keeper.current();
  }

  /** Where to call: a gateway that we are connected to, else the one whose turn it is. */
  callEndpoint(): Endpoint {
    for (const { state, draining, endpoint } of this.#links) {
      if (state === 'open' && draining === undefined) return endpoint;
    }
    return this.endpoints.next(this.clock.now());
  }

  callFailed(connector: Connector, error: ClientError): void {
    if (isOfTheToken(error)) this.#keeper.refused();
    if (!isOfTheAddress(error)) return;
    const endpoint = this.endpoints.all.find((each) => each.connector === connector);
    if (endpoint !== undefined) this.#failed(endpoint, error, this.clock.now());
  }

  /**
   * This side has been stopped for a while, or the network changed: whether the connections are still there is found out
   * now, and what waits before it tries again has waited for long enough.
   */
  wakeUp(): void {
    const now = this.clock.now();
    if (this.#closed || now - this.#wokenAtMs < WAKE_EVERY_MS) return;
    this.#wokenAtMs = now;
    for (const link of [...this.#links]) link.answerWithin(ANSWER_MS);
    this.endpoints.tryNow(now);
    this.#arrangeSoon();
  }

  // --- what sessions ask ---

  wake(session: AttachedSession): void {
    this.#places.get(session)?.link?.wake(session);
  }

  opened(session: AttachedSession): void {
    const place = this.#places.get(session);
    if (place?.link === undefined) return;
    place.openedAtMs = this.clock.now();
    place.error = undefined;
    this.#worked(place.link);
  }

  reopen(session: AttachedSession, error: ClientError, elsewhere: boolean): void {
    const place = this.#places.get(session);
    if (place === undefined) return;
    const { link } = place;
    if (link !== undefined) this.#takeOff(place, link);
    if (elsewhere && link !== undefined) this.#leaves(link, LEAVING_MS);
    place.home = undefined;
    place.error = error;
    if (place.isImpatient && !session.wasOpened) {
      session.fail(error);
      return;
    }
    const now = this.clock.now();
    if (place.openedAtMs > 0 && now - place.openedAtMs >= STABLE_MS) place.failures = 0;
    place.openedAtMs = 0;
    let waitMs = error.retryAfterMs ?? 0;
    // Where this gateway leaves there is nothing to wait for, save where it is the only one: its Endpoint waits then.
    const atOnce = place.failures === 0 && (error.retry === 'now' || elsewhere);
    if (!atOnce) waitMs += fullJitterMs(place.failures, this.#settings.backoff, this.#random);
    place.failures += 1;
    if (waitMs === 0) this.#waiting.add(place);
    else {
      place.rest = this.clock.setTimeout(() => {
        place.rest = undefined;
        this.#waiting.add(place);
        this.#arrangeSoon();
      }, waitMs);
    }
    this.#arrangeSoon();
  }

  over(session: AttachedSession): void {
    const place = this.#places.get(session);
    if (place === undefined) return;
    place.rest?.cancel();
    this.#waiting.delete(place);
    this.#places.delete(session);
    this.#ids.delete(session.id);
    if (place.link !== undefined) this.#takeOff(place, place.link);
    this.#arrangeSoon();
  }

  // --- what links say ---

  welcomed(link: Link): void {
    const { welcome, endpoint } = link;
    if (welcome === undefined) return;
    this.#dialer.settle(link);
    this.#links.add(link);
    this.#lastError = undefined;
    endpoint.wasWelcomed = true;
    this.#clientId = welcome.clientId;
    const { connectionId, clientId, nodeId } = welcome;
    this.#tell({ kind: 'connected', address: endpoint.address, connectionId, clientId, nodeId });
    this.#arrange();
  }

  tokenTaken(link: Link): void {
    this.#tell({ kind: 'token-renewed', address: link.endpoint.address });
  }

  tokenExpires(_link: Link, inMs: number): void {
    this.#keeper.expiresIn(inMs);
  }

  tokenUnjudged(_link: Link, error: ClientError): void {
    this.#keeper.unjudged(error);
  }

  drains(link: Link, what: DrainKind, deadlineMs: number): void {
    const { endpoint } = link;
    this.#tell({ kind: 'draining', address: endpoint.address, what, deadlineMs });
    this.endpoints.renew(endpoint, link.generation);
    if (what === 'gateway') this.#leaves(link, deadlineMs);
    else this.endpoints.left(endpoint, link.begunAtMs, this.clock.now());
    this.#arrangeSoon();
  }

  /** The gateway there takes nobody new. */
  #leaves(link: Link, withinMs: number): void {
    const { endpoint, begunAtMs } = link;
    const now = this.clock.now();
    link.gatewayLeaves();
    this.endpoints.renew(endpoint, link.generation);
    this.endpoints.leaving(endpoint, now + withinMs);
    // Taken in and sent away: not a gateway to come back to at once.
    if (!this.#hasWorked(link))
      this.endpoints.failed(endpoint, gatewayLeaves(endpoint.address), begunAtMs, now);
  }

  ended(link: Link, error: ClientError | undefined): void {
    this.#links.delete(link);
    const wasAttempt = this.#dialer.settle(link);
    if (error === undefined) {
      this.#detach(link);
      this.#arrangeSoon();
      this.#resolveIfLeft();
      return;
    }
    this.#lastError = error;
    const { endpoint, begunAtMs } = link;
    const now = this.clock.now();
    if (isOfTheToken(error)) this.#keeper.refused();
    // What else goes over that network connection may be as dead.
    this.endpoints.renew(endpoint, link.generation);
    const worked = this.#hasWorked(link);
    const lost = this.#detach(link);
    const final = this.#refusals.isFinal(error, endpoint, !wasAttempt);
    const waitMs = worked
      ? this.endpoints.lost(endpoint, error, begunAtMs, now)
      : this.#failed(endpoint, error, begunAtMs);
    const retryInMs = final || !this.#isWanted() ? undefined : waitMs;
    this.#tell({ kind: 'disconnected', address: endpoint.address, error, retryInMs });
    if (final) this.#failAll(error, wasAttempt ? this.#waiting : lost);
    else if (wasAttempt) this.#goOnWithout(endpoint, error);
    this.#arrangeSoon();
    this.#resolveIfLeft();
  }

  // --- who goes where ---

  #resolveIfLeft(): void {
    if (this.#links.size === 0) this.#whenLeft?.();
  }

  #arrangeSoon(): void {
    if (this.#arrangeQueued || this.#closed) return;
    this.#arrangeQueued = true;
    this.clock.setImmediate(() => {
      this.#arrangeQueued = false;
      this.#arrange();
    });
  }

  /** Gives everybody a link who can have one, and begins the next where that is not enough. */
  #arrange(): void {
    if (this.#closed) return;
    const open = this.#links.anyOpen();
    if (open !== undefined) this.#giveToWaiters(open);
    const homes = new Set<Endpoint | undefined>();
    for (const place of this.#waiting) {
      const link = this.#links.roomFor(place.home);
      if (link === undefined) homes.add(place.home);
      else {
        this.#waiting.delete(place);
        this.#putOn(place, link);
      }
    }
    const moving = this.#moveFromDraining();
    if (moving !== undefined) homes.add(moving);
    if (this.#waiters.size > 0) homes.add(undefined);
    this.#begin(homes);
    this.#links.leaveIdle();
  }

  #giveToWaiters(link: Link): void {
    for (const waiter of [...this.#waiters]) {
      this.#waiters.delete(waiter);
      this.#links.used(link);
      waiter.give(link);
    }
  }

  /** Sessions leave a connection that is to end when there is another for them; returns where one is missing. */
  #moveFromDraining(): Endpoint | undefined {
    let missing: Endpoint | undefined;
    for (const link of this.#links) {
      if (link.draining !== 'connection' || link.state !== 'open') continue;
      for (const session of link.sessions.values()) {
        const place = this.#places.get(session);
        const other = this.#links.roomFor(link.endpoint);
        if (other === undefined) {
          missing ??= link.endpoint;
          break;
        }
        if (place === undefined) continue;
        this.#takeOff(place, link);
        this.#putOn(place, other);
      }
    }
    return missing;
  }

  #putOn(place: Place, link: Link): void {
    place.link = link;
    place.home = link.endpoint;
    this.#links.used(link);
    link.add(place.session);
  }

  #takeOff(place: Place, link: Link): void {
    place.link = undefined;
    link.remove(place.session);
  }

  /** Its sessions wait for another link, each time in another order: where links break quickly, each has its turn. */
  #detach(link: Link): readonly Place[] {
    const places = [...link.sessions.values()].flatMap((session) => this.#places.get(session) ?? []);
    const start = Math.floor(this.#random() * places.length);
    const turned = [...places.slice(start), ...places.slice(0, start)];
    for (const place of turned) {
      this.#takeOff(place, link);
      place.lostAtMs = this.clock.now();
      this.#waiting.add(place);
      place.session.detach();
    }
    return turned;
  }

  // --- new links ---

  connecting({ address }: Endpoint): void {
    this.#tell({ kind: 'connecting', address });
  }

  due(): void {
    this.#arrange();
  }

  noToken({ address }: Endpoint, error: ClientError, begunAtMs: number): void {
    this.#lastError = error;
    // It says nothing of the address, and another one needs a token as well.
    const waits = this.endpoints.all.map((endpoint) => this.#failed(endpoint, error, begunAtMs));
    this.#tell({ kind: 'token-failed', error });
    const retryInMs = this.#isWanted() ? Math.min(...waits) : undefined;
    this.#tell({ kind: 'disconnected', address, error, retryInMs });
    this.#failImpatient(error);
    this.#arrangeSoon();
  }

  /** Somebody waits for a connection. */
  #isWanted(): boolean {
    return !this.#closed && (this.#waiting.size > 0 || this.#waiters.size > 0);
  }

  /** Begins a link to that of these gateways that can be tried first, undefined being any, where there may be one more. */
  #begin(homes: Iterable<Endpoint | undefined>): void {
    const now = this.clock.now();
    let first: Endpoint | undefined;
    for (const home of homes) {
      if (this.#links.isFull(home)) {
        if (home === undefined) this.#failNewOnes();
        continue;
      }
      const endpoint = home ?? this.endpoints.next(now);
      if (first === undefined || Math.max(endpoint.notBeforeMs, now) < first.notBeforeMs) first = endpoint;
    }
    if (first !== undefined) this.#dialer.begin(first);
  }

  /** There is no room: who was never open is told; who was waits for some. */
  #failNewOnes(): void {
    for (const { session, home } of [...this.#waiting]) {
      if (!session.wasOpened && home === undefined) session.fail(this.fullError());
    }
  }

  /** What a call shows: the user's own, who we are, and the token. */
  metadata(token: string | undefined): Readonly<Record<string, string>> {
    return {
      ...this.#settings.metadata,
      'x-client-id': this.#clientId ?? this.#madeUpId,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  /** Counts the failure; returns how long the next attempt there waits. */
  #failed(endpoint: Endpoint, error: ClientError, begunAtMs: number): number {
    return this.endpoints.failed(endpoint, error, begunAtMs, this.clock.now());
  }

  #worked(link: Link): void {
    if (link.hasWorked) return;
    link.hasWorked = true;
    this.#refusals.worked();
    this.endpoints.worked(link.endpoint);
  }

  #hasWorked(link: Link): boolean {
    if (!link.hasWorked && link.welcome !== undefined && this.clock.now() - link.begunAtMs >= STABLE_MS) {
      this.#worked(link);
    }
    return link.hasWorked;
  }

  #failAll(error: ClientError, places: Iterable<Place>): void {
    this.#refusals.worked();
    for (const { session } of [...places]) session.fail(error);
    for (const waiter of [...this.#waiters]) {
      this.#waiters.delete(waiter);
      waiter.fail(error);
    }
  }

  /** An attempt failed there: whoever has waited for that home looks for another, and whoever does not want to wait is told. */
  #goOnWithout(endpoint: Endpoint, error: ClientError): void {
    if (this.endpoints.all.length > 1) {
      const now = this.clock.now();
      for (const place of this.#waiting) {
        if (place.home !== endpoint) continue;
        if (!place.session.wasOpened || now - place.lostAtMs >= HOME_MS) place.home = undefined;
      }
    }
    if (this.endpoints.allFailed) this.#failImpatient(error);
  }

  #failImpatient(error: ClientError): void {
    for (const { session, isImpatient } of [...this.#waiting]) {
      if (isImpatient && !session.wasOpened) session.fail(error);
    }
    for (const waiter of [...this.#waiters]) {
      if (!waiter.isImpatient) continue;
      this.#waiters.delete(waiter);
      waiter.fail(error);
    }
  }

  #tell(event: ClientEvent): void {
    try {
      this.#settings.onEvent?.(event);
    } catch (error) {
      // It must not throw; where it does, that is told where such things are, and is not our end.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function gatewayLeaves(address: string): ClientError {
  return new ClientError('DRAINING', `The gateway at ${address} is leaving.`);
}

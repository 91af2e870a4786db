import { expect } from './option-checks.js';
import { onAbort } from '../core/on-abort.js';
import type { Clock, Timer } from '../core/clock.js';
import { linkAbort, takeManyListeners } from '../core/signals.js';
import { abortable } from './abortable.js';
import type { AttachedSession } from './attached-session.js';
import type { CallHost } from './topic/call-host.js';
import { callHost } from './topic/client-calls.js';
import { ClientError } from './client-error.js';
import { type ClientSettings, clientSettings } from './client-settings.js';
import { Connections } from './connection/connections.js';
import { createSession } from './session/create-session.js';
import { Ingest, type IngestOptions } from './topic/ingest.js';
import type { OpenRequest } from './interceptor.js';
import type { Link } from './connection/link.js';
import type { Payload } from './message.js';
import type { ClientOptions, ClientParts } from './client-options.js';
import type { OpenOptions } from './options.js';
import { type Published, publish, type PublishOptions } from './topic/publish.js';
import type { Session } from './session/session.js';
import { type SubscribeOptions, Subscription } from './topic/subscription.js';

/** How long a session that nobody wants any more may take to be closed at the gateway. */
const ABANDON_MS = 5_000;
/** What is left of a close when its grace is over: for the gateway to end what was half-closed. */
const LEAVE_MS = 1_000;
const DEFAULT_GRACE_MS = 5_000;

/**
 * `idle`: nothing has asked for a connection, or nothing does any more.
 * `connecting`: one is asked for, and there is none yet.
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'closing' | 'closed';

export interface PingOptions {
  readonly signal?: AbortSignal;
}

export interface ClientCloseOptions {
  /** How long sessions may take to end in good order, in milliseconds. Default 5,000. */
  readonly graceMs?: number;
  /** Ends that time at once; `close` then rejects with its reason, and all is closed all the same. */
  readonly signal?: AbortSignal;
}

/**
 * A client of one gateway, or of several that stand for each other. It connects
 * when something asks for it, keeps its sessions over as many connections as it
 * takes, and comes back by itself.
 */
export class Client implements AsyncDisposable {
  readonly #settings: ClientSettings;
  readonly #clock: Clock;
  readonly #connections: Connections;
  readonly #sessions = new Map<Session, AttachedSession>();
  readonly #opener: (request: OpenRequest) => Promise<Session>;
  readonly #closing = new AbortController();
  /** Ends the grace of a close. */
  #endGrace: () => void = () => undefined;
  readonly #graceOver = new Promise<void>((resolve) => {
    this.#endGrace = resolve;
  });
  readonly #calls: CallHost;
  readonly #sleepOn: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #isClosed = false;

  /**
   * Use `connect` of sluice/client; this is for whoever brings a network of their own.
   * @internal
   * @throws TypeError that names the option or address, its value and what is allowed.
   */
  constructor(addresses: readonly string[], options: ClientOptions, parts: ClientParts) {
    this.#settings = clientSettings(options);
    this.#clock = parts.clock;
    this.#connections = new Connections(addresses, this.#settings, parts);
    takeManyListeners(this.#closing.signal);
    this.#calls = callHost(this.#connections, this.#settings, parts.random, this.#closing.signal);
    let opener = (request: OpenRequest): Promise<Session> => this.#open(request);
    for (const interceptor of [...this.#settings.interceptors].reverse()) {
      const around = interceptor.open?.bind(interceptor);
      if (around === undefined) continue;
      const next = opener;
      opener = async (request) => await around(request, next);
    }
    this.#opener = opener;
    this.#sleepOn = parts.wakeUps?.(() => {
      this.#connections.wakeUp();
    });
  }

  /** Who the gateway takes us for; undefined before it has said so, where no option does. */
  get clientId(): string | undefined {
    return this.#connections.clientId;
  }

  get state(): ClientState {
    if (this.#isClosed) return 'closed';
    if (this.#closed !== undefined) return 'closing';
    if (this.#connections.isConnected) return 'connected';
    return this.#connections.isConnecting ? 'connecting' : 'idle';
  }

  /** How many sessions there are: open, being opened, or waiting for a connection. */
  get sessions(): number {
    return this.#connections.sessions;
  }

  /**
   * Opens a session; `route` "" is the gateway's default. Resolves once it is
   * open. Rejects with a ClientError: at once where trying again would not help,
   * else after `openTimeoutMs` with what was wrong last; SESSION_LIMIT where this
   * client has no room for it; or with the signal's reason.
   */
  async open(route = '', options: OpenOptions = {}): Promise<Session> {
    return await this.#opener({ route, options });
  }

  /**
   * One message for everybody who follows the topic, "route/subject". Tried again
   * as long as that helps, and happens once. Rejects with a ClientError:
   * NOT_SUPPORTED where the gateway does not serve it.
   */
  publish(topic: string, data: Payload, options?: PublishOptions): Promise<Published> {
    return publish(this.#calls, topic, data, options);
  }

  /**
   * The messages of a topic, "route/subject", for whoever only listens. Comes back
   * by itself where it was after a broken connection. What goes wrong is told by
   * the loop that reads it. @throws TypeError, RangeError for bad arguments.
   */
  subscribe(topic: string, options: SubscribeOptions = {}): Subscription {
    return new Subscription(this.#calls, topic, options);
  }

  /**
   * Many messages up, one summary down; `route` "" is the gateway's default.
   * What goes wrong is told by its `send` and `finish`. @throws TypeError for bad arguments.
   */
  ingest(route = '', options: IngestOptions = {}): Ingest {
    return new Ingest(this.#calls, route, options);
  }

  /** Asks the gateway for a sign of life, connecting where needed. Resolves with the round trip in milliseconds; rejects as `open` does. */
  async ping({ signal }: PingOptions = {}): Promise<number> {
    const link = await this.#link(signal);
    const ping = link.ping();
    try {
      return await abortable(ping.answered, signal);
    } finally {
      ping.forget();
    }
  }

  /**
   * Ends every session in good order, as `session.close` does, then leaves the
   * gateway. What has not ended after `graceMs` ends with CLOSED. Resolves when
   * nothing is left, no timer and no socket. Idempotent.
   */
  async close({ graceMs = DEFAULT_GRACE_MS, signal }: ClientCloseOptions = {}): Promise<void> {
    expect('graceMs', graceMs, graceMs >= 0, 'a number of milliseconds');
    this.#closed ??= this.#close(graceMs);
    const detach = onAbort(signal, this.#endGrace);
    try {
      await this.#closed;
    } finally {
      detach();
    }
    signal?.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #expectOpen(): void {
    if (this.#closed !== undefined) throw closed();
  }

  async #open({ route, options }: OpenRequest): Promise<Session> {
    const { signal, id } = options;
    signal?.throwIfAborted();
    this.#expectOpen();
    if (id !== undefined && this.#connections.has(id)) throw inUse(id);
    if (!this.#connections.hasRoom) throw this.#connections.fullError();
    const { interceptors } = this.#settings;
    const { session, attached, opened } = createSession(route, options, interceptors, this.#connections);
    this.#sessions.set(session, attached);
    void session.closed.then(() => {
      this.#sessions.delete(session);
    });
    const patience = this.#patience(signal, () => this.#connections.errorOf(attached));
    this.#connections.add(attached, patience.isImpatient);
    try {
      await abortable(opened, patience.signal);
      return session;
    } catch (error) {
      if (patience.signal.aborted) this.#abandon(session, attached);
      throw error;
    } finally {
      patience.end();
    }
  }

  /** Nobody has it: what the gateway may know of it is closed there, in the background. */
  #abandon(session: Session, attached: AttachedSession): void {
    const error = new ClientError('CLOSED', 'The session was given up before it was open.');
    if (!this.#connections.isCarried(attached)) {
      attached.fail(error);
      return;
    }
    const timer = this.#clock.setTimeout(() => {
      attached.fail(error);
    }, ABANDON_MS);
    void session.close().finally(() => {
      timer.cancel();
    });
  }

  /** A connection, as soon as there is one. */
  async #link(signal: AbortSignal | undefined): Promise<Link> {
    signal?.throwIfAborted();
    this.#expectOpen();
    const patience = this.#patience(signal, () => this.#connections.lastError);
    const { isImpatient } = patience;
    const connections = this.#connections;
    let waiter: Parameters<Connections['want']>[0] | undefined;
    const given = new Promise<Link>((give, fail) => {
      waiter = { isImpatient, give, fail };
      connections.want(waiter);
    });
    try {
      return await abortable(given, patience.signal);
    } finally {
      if (waiter !== undefined) connections.withdraw(waiter);
      patience.end();
    }
  }

  /** The end of a wait for the gateway: when the caller has enough of it, or its time is over. */
  #patience(signal: AbortSignal | undefined, why: () => ClientError | undefined): Patience {
    const { openTimeoutMs } = this.#settings;
    const work = linkAbort(signal);
    let timer: Timer | undefined;
    if (openTimeoutMs > 0) {
      timer = this.#clock.setTimeout(() => {
        work.abort(why() ?? noAnswer(openTimeoutMs));
      }, openTimeoutMs);
    }
    return {
      signal: work.signal,
      isImpatient: openTimeoutMs === 0,
      end: () => {
        timer?.cancel();
        work.unlink();
      },
    };
  }

  async #close(graceMs: number): Promise<void> {
    const error = closed();
    this.#sleepOn?.();
    this.#closing.abort(error);
    const timer = this.#clock.setTimeout(this.#endGrace, graceMs);
    await Promise.race([this.#graceOver, this.#endSessions(error)]);
    timer.cancel();
    const left = this.#clock.setTimeout(() => {
      this.#connections.cut();
    }, LEAVE_MS);
    void this.#graceOver.then(() => {
      this.#connections.cut();
    });
    await this.#connections.close(error);
    left.cancel();
    this.#isClosed = true;
  }

  async #endSessions(error: ClientError): Promise<void> {
    const closing: Promise<unknown>[] = [];
    for (const [session, attached] of [...this.#sessions]) {
      if (attached.wasOpened || this.#connections.isCarried(attached)) closing.push(session.close());
      else attached.fail(error);
    }
    await Promise.all(closing);
  }
}

interface Patience {
  readonly signal: AbortSignal;
  /** The first failure ends the wait. */
  readonly isImpatient: boolean;
  end(): void;
}

function closed(): ClientError {
  return new ClientError('CLOSED', 'The client was closed.');
}

function inUse(id: string): ClientError {
  return new ClientError(
    'SESSION_IN_USE',
    `This client has a session ${JSON.stringify(id)}: close that one first, or choose another id.`,
  );
}

function noAnswer(timeoutMs: number): ClientError {
  return new ClientError('UNREACHABLE', `No gateway has answered within ${timeoutMs} ms (openTimeoutMs).`);
}

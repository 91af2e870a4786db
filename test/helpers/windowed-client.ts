/**
 * A client of windowed sessions, for tests, and to be read beside
 * docs/protocol.md: it keeps its sessions over as many connections as it takes.
 * One session is `windowed-session.ts`; here is what they share: the connection,
 * its liveness, and when to have another.
 */
import { type Clock, SystemClock, type Timer } from '../../src/core/clock.js';
import {
  type Control,
  type DataMessage,
  dataMessage,
  MessageType,
  type Welcome,
} from '../../src/wire/messages.js';
import { GONE, type SessionOptions, WindowedSession } from './windowed-session.js';
import {
  type Connection,
  type ConnectionEnd,
  type Connector,
  mayConnectAgain,
} from './windowed-transport.js';

export interface WindowedClientOptions {
  readonly connect: Connector;
  /** Default: the platform's time. */
  readonly clock?: Clock;
  /** The longest wait before the first, and before any, new attempt to connect. Default 100 ms, 5 s. */
  readonly backoff?: { readonly firstMs: number; readonly mostMs: number };
  /** From 0 to below 1; for the waits. Default Math.random. */
  readonly random?: () => number;
  readonly onWelcome?: (welcome: Welcome) => void;
}

/** Messages written in one turn; the rest follows in the next, so that reading has its turn too. */
const TURN_LIMIT = 512;
/** How long a new connection may take to say Welcome. */
const WELCOME_TIMEOUT_MS = 10_000;

export class WindowedClient {
  /** How often each ending of a connection was met, by its reason or status; for tests. */
  readonly connectionEnds = new Map<string, number>();
  readonly #options: WindowedClientOptions;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, WindowedSession>();
  #connection: Connection | undefined;
  #welcome: Welcome | undefined;
  #stopped = false;
  /** Nothing may be sent on this connection any more: it was half-closed. */
  #leaving = false;
  #writable = true;
  #flushQueued = false;
  /** Probes to answer; of a flood the last one. */
  #probe: DataMessage | undefined;
  #sentAtMs = 0;
  #receivedAtMs = 0;
  #heartbeat: Timer | undefined;
  #reconnect: Timer | undefined;
  #failures = 0;
  readonly #whenDetached: (() => void)[] = [];

  constructor(options: WindowedClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new SystemClock();
  }

  get isConnected(): boolean {
    return this.#welcome !== undefined;
  }

  /** Opens a session, or goes on with one; what comes of it its options and `over` tell. */
  open(id: string, options: SessionOptions = {}): WindowedSession {
    if (this.#sessions.has(id)) throw new Error(`session ${id} is open here`);
    const session = new WindowedSession(id, options, () => {
      this.#wake();
    });
    this.#sessions.set(id, session);
    if (this.#welcome !== undefined && !this.#leaving) session.attach();
    if (this.#reconnect === undefined) this.connect();
    this.#wake();
    return session;
  }

  /**
   * Opens a session and resolves once it is open. Where the network broke before
   * the answer to the first Open, and that Open never reached the gateway, it is
   * opened afresh: only now that this is known, and with a new token.
   */
  async opened(id: string, options: SessionOptions = {}): Promise<WindowedSession> {
    for (;;) {
      const session = this.open(id, options);
      if (await session.opened) return session;
      const { code, reason } = await session.over;
      if (code !== GONE) throw new Error(`session ${id} was not opened: ${code} ${reason}`);
    }
  }

  /** Connects, where it is not connected, and attaches all sessions. Opening the first does so, too. */
  connect(): void {
    if (this.#connection !== undefined || this.#stopped) return;
    this.#reconnect?.cancel();
    this.#reconnect = undefined;
    this.#writable = true;
    this.#leaving = false;
    this.#probe = undefined;
    const connection = this.#options.connect({
      // What an older connection still brings is ignored, whatever it is.
      received: (message) => {
        if (this.#connection === connection) this.#received(message);
      },
      writable: () => {
        if (this.#connection !== connection) return;
        this.#writable = true;
        this.#wake();
      },
      ended: (end) => {
        if (this.#connection === connection) this.#ended(end);
      },
    });
    this.#connection = connection;
    this.#heartbeat = this.#clock.setTimeout(() => {
      this.breakConnection();
    }, WELCOME_TIMEOUT_MS);
  }

  /** Half-closes, and resolves when the connection has ended; the sessions stay, detached, until `connect`. */
  async detach(): Promise<void> {
    if (this.#connection === undefined) return;
    await new Promise<void>((resolve) => {
      this.#whenDetached.push(resolve);
      this.#leave();
    });
  }

  /** Gives the connection up, without a word for the sessions, and connects again after a wait. */
  breakConnection(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#ended({ status: 1, message: 'given up' });
    connection.cancel();
  }

  /** Leaves at once and for good; the sessions are over for this client, the gateway keeps them for a while. */
  stop(): void {
    this.#stopped = true;
    this.breakConnection();
    this.#reconnect?.cancel();
    for (const session of this.#sessions.values()) session.end('STOPPED', 'the client was stopped');
    this.#sessions.clear();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #received(message: DataMessage): void {
    this.#receivedAtMs = this.#clock.now();
    const { control, sessionId } = message;
    if (message.type === MessageType.HEALTH_CHECK) {
      if (message.ack === 0) this.#probe = message;
    } else if (sessionId === '') {
      if (control !== undefined) this.#controlled(control);
      return;
    } else {
      const session = this.#sessions.get(sessionId);
      session?.receive(message);
      if (session?.phase === 'over') this.#sessions.delete(sessionId);
      if (control?.action === 'opened') this.#failures = 0;
    }
    this.#wake();
  }

  #controlled(control: Control): void {
    if (control.action === 'welcome') {
      if (this.#welcome === undefined) this.#welcomed(control);
    } else if (control.action === 'drain' && control.reason.startsWith('connection')) {
      // Only this connection ends: leave it in good order, the sessions go on over the next.
      // From a gateway that leaves itself, stay: each session is Closed when all is done for it.
      this.#leave();
    }
  }

  #welcomed(welcome: Welcome): void {
    this.#welcome = welcome;
    this.#heartbeat?.cancel();
    this.#sentAtMs = this.#clock.now();
    this.#beat(welcome.heartbeatIntervalMs);
    for (const session of this.#sessions.values()) session.attach();
    this.#options.onWelcome?.(welcome);
    this.#wake();
  }

  /** Says something whenever an interval passes in silence, and gives up a connection silent for two. */
  #beat(intervalMs: number): void {
    if (intervalMs === 0) return;
    const now = this.#clock.now();
    if (now - this.#receivedAtMs >= 2 * intervalMs) {
      this.breakConnection();
      return;
    }
    const maySend = this.#writable && !this.#leaving;
    if (maySend && now - this.#sentAtMs >= intervalMs) {
      this.#write([dataMessage({ type: MessageType.HEARTBEAT })]);
    }
    const sendDueMs = (maySend ? this.#sentAtMs : now) + intervalMs;
    const dueMs = Math.min(sendDueMs, this.#receivedAtMs + 2 * intervalMs);
    this.#heartbeat = this.#clock.setTimeout(
      () => {
        this.#beat(intervalMs);
      },
      Math.max(1, dueMs - now),
    );
  }

  #wake(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    this.#clock.setImmediate(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  /** Writes what is due: the answer to a probe, then of each session in turn one message after another. */
  #flush(): void {
    if (this.#welcome === undefined || this.#leaving || !this.#writable) return;
    const due: DataMessage[] = [];
    if (this.#probe !== undefined) due.push({ ...this.#probe, ack: this.#probe.sequence });
    this.#probe = undefined;
    for (let before = -1; before < due.length && due.length < TURN_LIMIT;) {
      before = due.length;
      for (const session of this.#sessions.values()) {
        const message = session.next();
        if (message !== undefined) due.push(message);
      }
    }
    if (due.length === 0) return;
    this.#write(due);
    if (due.length >= TURN_LIMIT) this.#wake();
  }

  #write(messages: readonly DataMessage[]): void {
    this.#sentAtMs = this.#clock.now();
    this.#writable = this.#connection?.send(messages) ?? true;
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#connection?.halfClose();
  }

  #ended(end: ConnectionEnd): void {
    const name = end.reason ?? `status ${end.status}`;
    this.connectionEnds.set(name, (this.connectionEnds.get(name) ?? 0) + 1);
    this.#connection = undefined;
    this.#welcome = undefined;
    this.#heartbeat?.cancel();
    for (const session of this.#sessions.values()) session.lose();
    this.#rotate();
    const detached = this.#whenDetached.splice(0);
    for (const resolve of detached) resolve();
    if (detached.length > 0 || this.#stopped || this.#sessions.size === 0) return;
    if (mayConnectAgain(end)) {
      this.#connectLater(end.retryAfterMs ?? 0);
      return;
    }
    for (const session of this.#sessions.values()) session.end(name, end.message);
    this.#sessions.clear();
  }

  /** Another session is first on the next connection: where none lasts long, none of them waits for ever. */
  #rotate(): void {
    for (const [id, session] of this.#sessions) {
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
      return;
    }
  }

  /** Waits at random, longer with each failure, so that a gateway's clients don't all come back at once. */
  #connectLater(atLeastMs: number): void {
    const { firstMs, mostMs } = this.#options.backoff ?? { firstMs: 100, mostMs: 5_000 };
    const random = this.#options.random ?? Math.random;
    const waitMs = atLeastMs + random() * Math.min(mostMs, firstMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#reconnect = this.#clock.setTimeout(() => {
      this.#reconnect = undefined;
      this.connect();
    }, waitMs);
  }
}

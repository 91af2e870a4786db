import type { Clock, Timer } from '../../core/clock.js';
import type { CallMetadata, ClientStream } from '../../transport/client-contract.js';
import type { StreamMethod } from '../../transport/contract.js';
import {
  type Control,
  controlMessage,
  type DataMessage,
  dataMessage,
  MessageType,
  PROTOCOL_VERSION,
  type Welcome,
} from '../../wire/messages.js';
import type { AttachedSession } from '../attached-session.js';
import { endError, newerProtocol } from './end-error.js';
import { ClientError } from '../client-error.js';
import type { Endpoint } from './endpoints.js';
import { Liveness } from './liveness.js';

/** What a turn writes at most; the rest follows in the next, so that reading and others have their turn too. */
const TURN_MESSAGES = 512;
const TURN_BYTES = 256 * 1024;
/** What one session may write of that before the next has its turn. */
const SHARE_MESSAGES = 32;
/** Of the time that a gateway has to say Welcome: who has shown no token asks it then. */
const ASK_AFTER = 1 / 10;
/** For how long a connection that was half-closed may take to end. */
const LEAVE_MS = 5_000;

export type DrainKind = 'connection' | 'gateway';

/** Told by a link; never from within a call made to it. */
export interface LinkOwner {
  welcomed(link: Link, welcome: Welcome): void;
  /** The gateway has taken the fresh token. */
  tokenTaken(link: Link): void;
  tokenExpires(link: Link, inMs: number): void;
  tokenUnjudged(link: Link, error: ClientError): void;
  drains(link: Link, what: DrainKind, deadlineMs: number): void;
  /** It is over; told once. Its sessions are still in `sessions`. No error: it was left in good order. */
  ended(link: Link, error: ClientError | undefined): void;
}

export interface LinkOptions {
  readonly endpoint: Endpoint;
  readonly method: StreamMethod;
  readonly metadata: CallMetadata;
  readonly clock: Clock;
  /** From 0 to below 1; for the numbers of probes. */
  readonly random: () => number;
  readonly connectTimeoutMs: number;
}

interface Probe {
  readonly sentAtMs: number;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: ClientError) => void;
}

type State = 'connecting' | 'open' | 'leaving' | 'over';

/**
 * One stream of the session protocol, with the sessions that it carries. It
 * says what they have to say, in turn, gives them what comes, keeps the
 * connection alive and finds out when it is dead. Where sessions go, and when
 * there is another link, is its owner's business.
 */
export class Link {
  readonly endpoint: Endpoint;
  /** The endpoint's, when it began. */
  readonly generation: number;
  readonly begunAtMs: number;
  /** By session ID. */
  readonly sessions = new Map<string, AttachedSession>();
  /** A session was open on it: it works. */
  hasWorked = false;

  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #stream: ClientStream;
  readonly #liveness: Liveness;
  /** Those that may have something to say, the one that has waited longest first. */
  readonly #ready = new Set<AttachedSession>();
  readonly #probes = new Map<number, Probe>();
  /** Before all else: answers to probes, heartbeats, tokens. */
  #ahead: DataMessage[] = [];
  /** At random, so that nobody else's answer is taken for one of ours. */
  #nextProbe: number;
  #state: State = 'connecting';
  #welcome: Welcome | undefined;
  #draining: DrainKind | undefined;
  #writable = true;
  #flushQueued = false;
  #limit: Timer | undefined;
  /** Of `answerWithin`. */
  #overdue: Timer | undefined;

  constructor(options: LinkOptions, owner: LinkOwner) {
    const { endpoint, clock, connectTimeoutMs } = options;
    this.#options = options;
    this.#owner = owner;
    this.endpoint = endpoint;
    this.generation = endpoint.generation;
    this.begunAtMs = clock.now();
    this.#nextProbe = 1 + Math.floor(options.random() * 2 ** 32);
    this.#liveness = new Liveness(clock, {
      heartbeatDue: () => {
        if (this.#writable) this.#sayAhead(dataMessage({ type: MessageType.HEARTBEAT }));
      },
      probeDue: () => {
        this.#sayAhead(this.#newProbe());
      },
      silent: (intervalMs) => {
        this.giveUp(silentFor(this.endpoint.address, 2 * intervalMs));
      },
    });
    this.#stream = endpoint.connector.stream(options.method, options.metadata, {
      onMessages: (messages) => {
        this.#received(messages);
      },
      onWritable: () => {
        this.#writable = true;
        this.#flushSoon();
      },
      onEnd: (end) => {
        const inGoodOrder = this.#state === 'leaving' && end.status === 0;
        this.#end(inGoodOrder ? undefined : endError(end, endpoint.address));
      },
    });
    const limitMs = connectTimeoutMs * (1 - ASK_AFTER);
    this.#limit = clock.setTimeout(() => {
      if (!('authorization' in options.metadata)) this.#askWhoWeAre();
      this.#limit = clock.setTimeout(() => {
        this.giveUp(noWelcome(endpoint.address, connectTimeoutMs));
      }, limitMs);
    }, connectTimeoutMs - limitMs);
  }

  get state(): State {
    return this.#state;
  }

  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Whether this connection is to be left, or its gateway is leaving. */
  get draining(): DrainKind | undefined {
    return this.#draining;
  }

  get isPinging(): boolean {
    return this.#probes.size > 0;
  }

  /** A session is carried from now on; only in state open. */
  add(session: AttachedSession): void {
    const welcome = this.#welcome;
    if (welcome === undefined) return;
    this.sessions.set(session.id, session);
    session.attach(welcome);
    this.wake(session);
  }

  /** What still comes for it is ignored. */
  remove(session: AttachedSession): void {
    if (this.sessions.get(session.id) === session) this.sessions.delete(session.id);
    this.#ready.delete(session);
  }

  /** A session of this link may have something to say. */
  wake(session: AttachedSession): void {
    this.#ready.add(session);
    this.#flushSoon();
  }

  authenticate(token: string): void {
    // Of several under way the gateway looks at the last.
    this.#ahead = this.#ahead.filter(({ control }) => control?.action !== 'authenticate');
    this.#sayAhead(controlMessage({ action: 'authenticate', token }));
  }

  /** Asks for a sign of life. `answered`: the milliseconds until it came; rejects when the connection ends before. */
  ping(): { readonly answered: Promise<number>; forget(): void } {
    const probe = this.#newProbe();
    const answered = new Promise<number>((resolve, reject) => {
      this.#probes.set(probe.sequence, { sentAtMs: this.#options.clock.now(), resolve, reject });
    });
    this.#sayAhead(probe);
    return {
      answered,
      forget: () => {
        // Also where it could not be written yet.
        if (this.#probes.delete(probe.sequence)) this.#ahead = this.#ahead.filter((each) => each !== probe);
      },
    };
  }

  /** Asks for a sign of life, and gives the connection up where none comes within this time. */
  answerWithin(ms: number): void {
    if (this.#state !== 'open' || this.#overdue !== undefined) return;
    this.#sayAhead(this.#newProbe());
    this.#overdue = this.#options.clock.setTimeout(() => {
      this.giveUp(silentFor(this.endpoint.address, ms));
    }, ms);
  }

  /** Its gateway refuses what is new, though it has not said that it drains. */
  gatewayLeaves(): void {
    if (this.#draining === undefined) this.#draining = 'gateway';
  }

  /** Nothing more will be said: what is owed still comes, then it ends, or is cancelled after a while. */
  leave(): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.#heard();
    this.#liveness.stop();
    this.#stream.halfClose();
    this.#limit = this.#options.clock.setTimeout(() => {
      this.giveUp(undefined);
    }, LEAVE_MS);
  }

  /** It is over now, whatever is under way. */
  giveUp(error: ClientError | undefined): void {
    this.#stream.cancel();
    this.#end(error);
  }

  /**
   * A gateway that wants a token says nothing until it is shown one. To a probe
   * it answers that it does, or with what it has to say to those it knows.
   */
  #askWhoWeAre(): void {
    this.#stream.send([this.#newProbe()]);
  }

  #received(messages: readonly DataMessage[]): void {
    this.#liveness.received();
    this.#heard();
    for (const message of messages) {
      // What one of them leads to may be the end.
      if (this.#state === 'over') return;
      if (message.type === MessageType.HEALTH_CHECK) this.#checked(message);
      else if (message.sessionId !== '') this.sessions.get(message.sessionId)?.receive(message);
      else if (message.control !== undefined) this.#controlled(message.control);
    }
  }

  #heard(): void {
    this.#overdue?.cancel();
    this.#overdue = undefined;
  }

  #controlled(control: Control): void {
    switch (control.action) {
      case 'welcome':
        this.#welcomed(control);
        break;
      case 'throttle':
        if (control.scope === 'token') this.#owner.tokenExpires(this, control.retryAfterMs);
        break;
      case 'drain':
        this.#drains(control.reason.startsWith('connection') ? 'connection' : 'gateway', control.deadlineMs);
        break;
      case 'error':
        if (control.code === 'AUTH_UNAVAILABLE') this.#owner.tokenUnjudged(this, errorOf(control));
        break;
      default:
        break; // Advice, or from a later version.
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#state === 'open') {
      this.#welcome = welcome;
      this.#owner.tokenTaken(this);
      return;
    }
    if (this.#state !== 'connecting') return;
    if (welcome.protocolVersion > PROTOCOL_VERSION) {
      this.giveUp(newerProtocol(this.endpoint.address, welcome.protocolVersion));
      return;
    }
    this.#limit?.cancel();
    this.#state = 'open';
    this.#welcome = welcome;
    this.#liveness.start(welcome.heartbeatIntervalMs);
    this.#owner.welcomed(this, welcome);
  }

  #drains(what: DrainKind, deadlineMs: number): void {
    if (this.#state !== 'open' || this.#draining === what) return;
    this.#draining = what;
    this.#owner.drains(this, what, deadlineMs);
  }

  #checked(message: DataMessage): void {
    if (message.ack === 0) {
      // Of a flood the last one: each proves as much.
      this.#ahead = this.#ahead.filter(({ type, ack }) => type !== MessageType.HEALTH_CHECK || ack === 0);
      this.#sayAhead(dataMessage({ ...message, ack: message.sequence }));
      return;
    }
    const probe = this.#probes.get(message.ack);
    this.#probes.delete(message.ack);
    probe?.resolve(this.#options.clock.now() - probe.sentAtMs);
  }

  #newProbe(): DataMessage {
    const { clock } = this.#options;
    const sequence = this.#nextProbe;
    this.#nextProbe += 1;
    return dataMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs: clock.wallNow() });
  }

  #sayAhead(message: DataMessage): void {
    this.#ahead.push(message);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushQueued || !this.#writable || this.#state !== 'open') return;
    this.#flushQueued = true;
    this.#options.clock.setImmediate(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#writable || this.#state !== 'open') return;
    const messages = this.#ahead;
    this.#ahead = [];
    this.#collect(messages);
    if (messages.length === 0) return;
    this.#liveness.sent();
    this.#writable = this.#stream.send(messages);
    if (this.#ready.size > 0) this.#flushSoon();
  }

  /** Adds what the sessions have to say, in turn, up to what a turn may write. */
  #collect(messages: DataMessage[]): void {
    let bytes = 0;
    for (const session of this.#ready) {
      // Those that have more come again behind the others, in this very loop.
      this.#ready.delete(session);
      for (let share = 0; share < SHARE_MESSAGES && this.sessions.get(session.id) === session; share += 1) {
        const message = session.next();
        if (message === undefined) break;
        messages.push(message);
        bytes += message.data.byteLength;
        if (share === SHARE_MESSAGES - 1 || bytes >= TURN_BYTES) {
          this.#ready.add(session);
          break;
        }
      }
      if (messages.length >= TURN_MESSAGES || bytes >= TURN_BYTES) return;
    }
  }

  #end(error: ClientError | undefined): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#limit?.cancel();
    this.#heard();
    this.#liveness.stop();
    this.#ready.clear();
    this.#ahead = [];
    const probes = [...this.#probes.values()];
    this.#probes.clear();
    const reason = error ?? new ClientError('CLOSED', 'The connection was left before the answer came.');
    for (const { reject } of probes) reject(reason);
    this.#owner.ended(this, error);
  }
}

function errorOf({ code, message, retryAfterMs }: Control & { action: 'error' }): ClientError {
  return new ClientError(code, message, retryAfterMs === 0 ? {} : { retryAfterMs });
}

function noWelcome(address: string, timeoutMs: number): ClientError {
  return new ClientError(
    'UNREACHABLE',
    `${address} did not say Welcome within ${timeoutMs} ms (connectTimeoutMs): is it a Sluice gateway, and does it ask for a token?`,
  );
}

function silentFor(address: string, ms: number): ClientError {
  return new ClientError('CONNECTION_LOST', `The gateway at ${address} has said nothing for ${ms} ms.`);
}

import {
  isData,
  MAX_METADATA_ENTRIES,
  MessageType,
  weightOf,
  type Control,
  type DataMessage,
  type Open,
  type Welcome,
} from '../../../src/wire/messages.js';
import { messageSize } from '../../../src/wire/codec.js';

/** What a fresh Open may be followed by, at once. */
const FLOOR = { messages: 64, bytes: 64 * 1024 };
/** A client is heard from every interval; a little later is still in time, as the gateway waits a quarter longer. */
const LATE = 1.25;
/** More often than this nobody has to be heard from. */
const LEAST_INTERVAL_MS = 1_000;

/** One use of a token: what client and gateway have said of it, over all connections. */
interface Life {
  readonly token: string;
  attempt: number;
  /** The gateway has answered its last Open. */
  answered: boolean;
  /** What was sent, by sequence from 1: its contents, which a replay repeats. */
  readonly sent: string[];
  /** Their weights. */
  readonly weights: number[];
  /** Once Close was written nothing new comes. */
  closedAfter: number;
  /** The gateway's highest ack. */
  settled: number;
  /** The highest sequence the gateway has written, Gaps included. */
  written: number;
  /** The client's highest ack. */
  acked: number;
  /** The highest position it has stated. */
  position: number;
}

interface Attachment {
  readonly life: Life;
  readonly fresh: boolean;
  state: 'asked' | 'open';
  /** The last sequence sent in this attachment. */
  last: number;
  /** The largest granted. */
  window: { messages: number; bytes: number };
  restated: boolean;
  closing: boolean;
}

/** One connection, as the watch sees it. */
interface Connection {
  readonly sessions: Map<string, Attachment>;
  /** Sessions that are over here, and that the client knows to be. */
  readonly over: Set<string>;
  /** What the client has not read yet. */
  readonly unread: (() => void)[];
  welcome: Welcome | undefined;
  heardAtMs: number;
}

/**
 * What must hold of everything a client writes, whatever a case is about: the
 * rules of tokens, attempts, positions, sequences, windows, acks and replays;
 * that it says nothing of what is not open, and is heard from in time.
 */
export class Watch {
  readonly #connections = new Map<object, Connection>();
  /** By session ID, the newest. */
  readonly #lives = new Map<string, Life>();
  readonly #newest = new Map<string, Connection>();
  readonly #tokens = new Set<string>();

  joins(connection: object, nowMs: number): void {
    this.#connections.set(connection, {
      sessions: new Map(),
      over: new Set(),
      unread: [],
      welcome: undefined,
      heardAtMs: nowMs,
    });
  }

  leaves(connection: object): void {
    this.#connections.delete(connection);
  }

  /** The client has had the time to read everything written so far. */
  everythingRead(): void {
    for (const { unread } of this.#connections.values()) for (const read of unread.splice(0)) read();
  }

  /** Time has passed. Returns what is wrong. */
  looksAt(connection: object, nowMs: number): string | undefined {
    const { welcome, heardAtMs } = this.#of(connection);
    if (welcome === undefined || welcome.heartbeatIntervalMs < LEAST_INTERVAL_MS) return undefined;
    if (nowMs - heardAtMs <= welcome.heartbeatIntervalMs * LATE) return undefined;
    return `nothing was heard for ${nowMs - heardAtMs} ms, the heartbeat interval is ${welcome.heartbeatIntervalMs}`;
  }

  /** The gateway writes this. */
  wrote(connection: object, message: DataMessage, nowMs: number): void {
    const here = this.#of(connection);
    const { control, sessionId } = message;
    if (control?.action === 'welcome') {
      here.welcome = control;
      here.heardAtMs = nowMs;
    }
    const attachment = here.sessions.get(sessionId);
    if (attachment === undefined) return;
    const { life } = attachment;
    if (this.#newest.get(sessionId) !== here) return;
    life.settled = Math.max(life.settled, message.ack);
    if (message.type === MessageType.DATA) life.written = Math.max(life.written, message.sequence);
    if (control !== undefined) this.#controls(here, sessionId, attachment, control);
  }

  #controls(here: Connection, sessionId: string, attachment: Attachment, control: Control): void {
    const { life } = attachment;
    switch (control.action) {
      case 'opened':
        life.answered = true;
        if (control.resumeToken.length === 0) {
          this.#ends(here, sessionId);
          return;
        }
        attachment.state = 'open';
        attachment.window = { messages: control.windowMessages, bytes: control.windowBytes };
        if (!attachment.fresh) attachment.last = control.lastReceivedSequence;
        return;
      case 'closed':
        life.answered = true;
        this.#ends(here, sessionId);
        return;
      case 'gap':
        life.written = Math.max(life.written, control.toSequence);
        return;
      case 'window': {
        const { window } = attachment;
        if (control.messages > 0) window.messages = Math.max(window.messages, control.messages);
        if (control.bytes > 0) window.bytes = Math.max(window.bytes, control.bytes);
        return;
      }
      default:
    }
  }

  #ends(here: Connection, sessionId: string): void {
    here.sessions.delete(sessionId);
    here.unread.push(() => here.over.add(sessionId));
  }

  /** The client wrote this. Returns what is wrong with it. */
  came(connection: object, message: DataMessage, nowMs: number): string | undefined {
    const here = this.#of(connection);
    const late = this.looksAt(connection, nowMs);
    here.heardAtMs = nowMs;
    return late ?? this.#wellFormed(here, message) ?? this.#spoken(here, message);
  }

  #wellFormed(here: Connection, message: DataMessage): string | undefined {
    const bytes = messageSize(message);
    const { maxMessageBytes = Infinity } = here.welcome ?? {};
    if (bytes > maxMessageBytes && isData(message))
      return `${bytes} bytes, more than max_message_bytes ${maxMessageBytes}`;
    if ((message.metadata?.size ?? 0) > MAX_METADATA_ENTRIES)
      return `${message.metadata?.size ?? 0} metadata entries`;
    return undefined;
  }

  #spoken(here: Connection, message: DataMessage): string | undefined {
    const { type, sessionId, control, sequence, ack } = message;
    switch (type) {
      case MessageType.HEARTBEAT:
        return sessionId === '' ? undefined : 'a HEARTBEAT of a session';
      case MessageType.HEALTH_CHECK:
        return sequence >= 1 ? undefined : 'a HEALTH_CHECK without a sequence';
      case MessageType.DATA:
      case MessageType.UNSPECIFIED:
        return this.#data(here, message) ?? this.#acks(here, sessionId, ack);
      case MessageType.ACK:
        return ack === 0 ? 'an ACK of nothing' : this.#acks(here, sessionId, ack);
      case MessageType.CONTROL:
        return control === undefined ? 'CONTROL without an action' : this.#control(here, message, control);
      default:
        return `a message of type ${type}`;
    }
  }

  #control(here: Connection, { sessionId, ack }: DataMessage, control: Control): string | undefined {
    switch (control.action) {
      case 'authenticate':
        return sessionId === '' ? undefined : 'Authenticate of a session';
      case 'open':
        return ack === 0 ? this.#opens(here, sessionId, control) : 'an Open with an ack';
      case 'close': {
        const wrong = this.#acks(here, sessionId, ack);
        const attachment = here.sessions.get(sessionId);
        if (wrong !== undefined || attachment === undefined) return wrong;
        attachment.closing = true;
        const { life } = attachment;
        life.closedAfter = Math.min(life.closedAfter, life.sent.length);
        return undefined;
      }
      case 'window':
      case 'pause':
      case 'resume':
        return sessionId === '' ? undefined : this.#acks(here, sessionId, ack);
      default:
        return `${control.action}, which only a gateway says`;
    }
  }

  #opens(here: Connection, sessionId: string, open: Open): string | undefined {
    if (!/^[\x20-\x7e]{1,128}$/.test(sessionId)) return 'an Open without a session';
    if (open.resumeToken.length !== 16) return `a token of ${open.resumeToken.length} bytes`;
    if (here.sessions.has(sessionId)) return 'a second Open on the connection that holds the session';
    const token = Buffer.from(open.resumeToken).toString('hex');
    const before = this.#lives.get(sessionId);
    let life = before;
    if (before?.token !== token) {
      if (open.resume) return 'a resume with a token that never opened this session';
      if (this.#tokens.has(token)) return 'a token that was used before';
      if (before?.answered === false) return 'a new token while the answer to the old one is in doubt (D7)';
      life = newLife(token);
      this.#tokens.add(token);
      this.#lives.set(sessionId, life);
    }
    if (life === undefined) return undefined;
    if (open.attempt !== life.attempt + 1) return `attempt ${open.attempt} after ${life.attempt}`;
    const position = open.lastReceivedSequence;
    if (!open.resume && position !== 0) return `a fresh Open with position ${position}`;
    if (open.resume && position < life.acked) return `position ${position} below its own ack ${life.acked}`;
    if (position < life.position) return `position ${position}, after it was ${life.position}`;
    if (position > life.written) return `position ${position}, and nothing above ${life.written} was written`;
    life.attempt = open.attempt;
    life.answered = false;
    life.position = position;
    here.over.delete(sessionId);
    here.sessions.set(sessionId, {
      life,
      fresh: !open.resume,
      state: 'asked',
      last: 0,
      window: FLOOR,
      restated: false,
      closing: false,
    });
    this.#newest.set(sessionId, here);
    return undefined;
  }

  /** What is said of a session that is not open here. */
  #absent(here: Connection, sessionId: string): string | undefined {
    return here.over.has(sessionId) || !this.#lives.has(sessionId)
      ? 'of a session that is not open here'
      : undefined;
  }

  #data(here: Connection, message: DataMessage): string | undefined {
    const { sessionId, sequence } = message;
    const attachment = here.sessions.get(sessionId);
    if (attachment === undefined) return this.#absent(here, sessionId);
    const { life, state, fresh } = attachment;
    if (this.#newest.get(sessionId) !== here) return 'DATA on a connection that another has followed';
    if (state === 'asked' && !fresh) return 'DATA behind a resuming Open that is not answered';
    if (attachment.closing) return 'DATA behind Close';
    if (sequence !== attachment.last + 1) return `DATA ${sequence} does not follow ${attachment.last}`;
    if (sequence > life.closedAfter) return `DATA ${sequence}, after Close was behind ${life.closedAfter}`;
    const contents = contentsOf(message);
    const before = life.sent[sequence - 1];
    if (before !== undefined && before !== contents) return `DATA ${sequence} is another than before`;
    life.sent[sequence - 1] = contents;
    life.weights[sequence - 1] = weightOf(message);
    attachment.last = sequence;
    return this.#fits(attachment);
  }

  #fits({ life, last, window, state }: Attachment): string | undefined {
    const { messages, bytes } = state === 'asked' ? FLOOR : window;
    const inFlight = last - life.settled;
    if (inFlight <= 1 && state !== 'asked') return undefined;
    const weight = life.weights.slice(life.settled, last).reduce((sum, each) => sum + each, 0);
    if (inFlight <= messages && weight <= bytes) return undefined;
    return `${inFlight} messages of ${weight} bytes are in flight; the window is ${messages}, ${bytes}`;
  }

  #acks(here: Connection, sessionId: string, ack: number): string | undefined {
    const attachment = here.sessions.get(sessionId);
    if (attachment === undefined) return this.#absent(here, sessionId);
    const { life, state, fresh } = attachment;
    if (state === 'asked' && !fresh) return 'it speaks behind a resuming Open that is not answered';
    if (!fresh && !attachment.restated) {
      attachment.restated = true;
      if (ack < life.acked) return `it did not restate its ack ${life.acked} after Opened`;
    }
    if (ack > life.written) return `ack ${ack} is above what was written, ${life.written}`;
    life.acked = Math.max(life.acked, ack);
    return undefined;
  }

  #of(connection: object): Connection {
    const found = this.#connections.get(connection);
    if (found === undefined) throw new Error('a connection that the watch does not know');
    return found;
  }
}

function newLife(token: string): Life {
  return {
    token,
    attempt: 0,
    answered: true,
    sent: [],
    weights: [],
    closedAfter: Infinity,
    settled: 0,
    written: 0,
    acked: 0,
    position: 0,
  };
}

function contentsOf({ data, key, more, metadata = new Map<string, string>() }: DataMessage): string {
  return JSON.stringify([Buffer.from(data).toString('base64'), key, more, [...metadata]]);
}

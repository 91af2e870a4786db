import assert from 'node:assert/strict';
import type { Clock } from '../../../src/core/clock.js';
import type { SluiceError } from '../../../src/core/errors.js';
import type { StreamClose, StreamReceiver, TransportStream } from '../../../src/transport/contract.js';
import {
  dataMessage,
  MessageType,
  type Control,
  type DataMessage,
  type Open,
  type Welcome,
} from '../../../src/wire/messages.js';
import { brief, means } from '../protocol/brief.js';
import { heartbeat, WELCOME } from './say.js';
import type { Watch } from './watch.js';

/** The lines a failure shows. */
const TRANSCRIPT_LINES = 60;
/** A gateway in order is never silent for longer, as its clients take that for its death. */
const BEAT_SHARE = 0.4;

/** What a connection asks of where it plays. */
export interface PeerStage {
  readonly clock: Clock;
  readonly watch: Watch;
  /** What Welcome says, where that is not the default. */
  readonly welcome: Partial<Welcome>;
  /** Called with each Open that comes, instead of its being left to be read. */
  readonly onOpen: ((peer: Peer, session: string) => void) | undefined;
  settled(): Promise<void>;
  until<T>(condition: () => T | undefined, what: () => string, peer?: Peer): Promise<T>;
  violated(error: Error): void;
}

/** The gateway's end of one connection: it writes what a case says, and reads what the client says, by session. */
export class Peer implements StreamReceiver {
  readonly stream: TransportStream;
  /** The address that was dialled. */
  readonly address: string;
  /** Sends no HEARTBEAT by itself and answers no probe. */
  mute = false;
  /** The session that was opened, or resumed, first. */
  firstOpened = '';
  /** HEARTBEATs that came. */
  heartbeats = 0;
  /** Leaves what comes where it is. */
  #deaf = false;
  readonly #stage: PeerStage;
  readonly #unread = new Map<string, DataMessage[]>();
  readonly #acked = new Map<string, number>();
  readonly #transcript: string[] = [];
  #welcome: Welcome | undefined;
  #wroteAtMs: number;
  #halfClosed = false;
  #close: StreamClose | undefined;

  constructor(stage: PeerStage, stream: TransportStream, address: string) {
    this.#stage = stage;
    this.stream = stream;
    this.address = address;
    this.#wroteAtMs = stage.clock.now();
    stage.watch.joins(this, this.#wroteAtMs);
  }

  /** How it ended; undefined while it has not. */
  get close(): StreamClose | undefined {
    return this.#close;
  }

  /** The client has said its last word here. */
  get halfClosed(): boolean {
    return this.#halfClosed;
  }

  get isOpen(): boolean {
    return this.#close === undefined && !this.#halfClosed;
  }

  /** Writes these messages, in StreamBatches as one batch. */
  writes(...messages: readonly DataMessage[]): void {
    this.#wroteAtMs = this.#stage.clock.now();
    for (const message of messages) {
      this.#note(`< ${message.sessionId} ${brief(message)}`);
      this.#stage.watch.wrote(this, message, this.#wroteAtMs);
    }
    this.stream.send(messages);
  }

  welcomes(fields: Partial<Welcome> = {}): void {
    this.#welcome = { ...WELCOME, connectionId: this.address, ...this.#stage.welcome, ...fields };
    this.writes(dataMessage({ type: MessageType.CONTROL, control: this.#welcome }));
  }

  /**
   * Reads the session's next messages, acks and heartbeats apart, and compares
   * them with these, each named by the beginning of its line (brief.ts). A
   * session of "" reads what speaks of the connection.
   */
  async reads(session: string, ...lines: readonly string[]): Promise<DataMessage[]> {
    const messages: DataMessage[] = [];
    for (const expected of lines) {
      const message = await this.#until(
        () => this.#unread.get(session)?.shift(),
        `${expected} of "${session}"`,
      );
      const line = brief(message);
      if (!means(line, expected)) throw this.failure(`expected ${expected}, got ${line}`);
      messages.push(message);
    }
    return messages;
  }

  /** Reads the session's Open. */
  async opens(session: string, line = 'OPEN'): Promise<Open> {
    const [message] = await this.reads(session, line);
    const control = message?.control;
    assert(control?.action === 'open');
    return control;
  }

  /** Reads an action that speaks of the connection. */
  async says<A extends Control['action']>(action: A): Promise<Control & { readonly action: A }> {
    const [message] = await this.reads('', action.toUpperCase());
    assert(message?.control?.action === action);
    return message.control as Control & { readonly action: A };
  }

  /** Resolves when the client has acknowledged `sequence`, on whatever message. */
  async acked(session: string, sequence: number): Promise<void> {
    const acked = (): number => this.#acked.get(session) ?? 0;
    await this.#until(() => (acked() >= sequence ? true : undefined), `an ack of ${sequence}`);
    if (acked() > sequence) throw this.failure(`expected an ack of ${sequence}, got ${acked()}`);
  }

  /** Nothing has come for the session that was not read, and at once nothing will. */
  async silent(session: string): Promise<void> {
    await this.#stage.settled();
    const left = (this.#unread.get(session) ?? []).map(brief);
    if (left.length > 0)
      throw this.failure(`expected silence of "${session}", got: ${left.slice(0, 5).join(', ')}`);
  }

  /** All that has come for the session and was not read. */
  async all(session: string): Promise<DataMessage[]> {
    await this.#stage.settled();
    return this.#unread.get(session)?.splice(0) ?? [];
  }

  /** The highest ack seen. */
  async ackOf(session: string): Promise<number> {
    await this.#stage.settled();
    return this.#acked.get(session) ?? 0;
  }

  /** Resolves when the client has half-closed, or ended it. */
  async left(): Promise<void> {
    await this.#stage.until(
      () => (this.isOpen ? undefined : true),
      () => 'the client to leave the connection',
    );
  }

  /** Ends it: status OK, or the error's. */
  ends(error?: SluiceError): void {
    this.#note(`< ${error === undefined ? 'OK' : error.code}`);
    this.stream.end(error);
  }

  /** Reads no more, as a gateway that is stuck. */
  stopsReading(): void {
    this.#deaf = true;
  }

  readsOn(): void {
    this.#deaf = false;
    this.stream.resume();
  }

  /** Time has passed: is heard from, as gateways are. */
  beat(): void {
    const { heartbeatIntervalMs = 0 } = this.#welcome ?? {};
    const now = this.#stage.clock.now();
    if (this.mute || heartbeatIntervalMs === 0 || this.#close !== undefined) return;
    if (now - this.#wroteAtMs >= heartbeatIntervalMs * BEAT_SHARE) this.writes(heartbeat());
  }

  failure(what: string): Error {
    return new Error(`${what}\n${this.#transcript.join('\n')}`);
  }

  // What follows the transport calls.

  get room(): number {
    return this.#deaf ? 0 : 1_024;
  }

  onMessages(messages: readonly DataMessage[]): void {
    for (const message of messages) this.#came(message);
  }

  onHalfClose(): void {
    this.#note('> half-close');
    this.#halfClosed = true;
    // What a gateway does when nothing is owed; a case that owes something says so first.
    this.stream.end();
  }

  onInvalid(error: SluiceError): void {
    this.#stage.violated(this.failure(`unreadable: ${error.message}`));
  }

  onWritten(): void {
    // The client takes what it is sent.
  }

  onClose(close: StreamClose): void {
    this.#note(`> ${close}`);
    this.#close = close;
    this.#stage.watch.leaves(this);
  }

  #came(message: DataMessage): void {
    const { sessionId, type } = message;
    const line = brief(message);
    this.#note(`> ${sessionId} ${line}`);
    const wrong = this.#stage.watch.came(this, message, this.#stage.clock.now());
    if (wrong !== undefined) this.#stage.violated(this.failure(`${line}: ${wrong}`));
    if (type === MessageType.HEARTBEAT) {
      this.heartbeats += 1;
      return;
    }
    if (this.firstOpened === '' && message.control?.action === 'open') this.firstOpened = sessionId;
    if (type === MessageType.HEALTH_CHECK && message.ack === 0) {
      if (!this.mute) this.writes({ ...message, ack: message.sequence });
      return;
    }
    if (type !== MessageType.HEALTH_CHECK && message.ack > 0)
      this.#acked.set(sessionId, Math.max(message.ack, this.#acked.get(sessionId) ?? 0));
    if (type === MessageType.ACK) return;
    if (message.control?.action === 'open' && this.#stage.onOpen !== undefined) {
      this.#stage.onOpen(this, sessionId);
      return;
    }
    const unread = this.#unread.get(sessionId);
    if (unread === undefined) this.#unread.set(sessionId, [message]);
    else unread.push(message);
  }

  async #until<T>(condition: () => T | undefined, what: string): Promise<T> {
    return await this.#stage.until(
      () => {
        const found = condition();
        if (found !== undefined || this.#close === undefined) return found;
        throw this.failure(`waited for ${what}; the connection was ${this.#close}`);
      },
      () => what,
      this,
    );
  }

  #note(line: string): void {
    this.#transcript.push(line);
    if (this.#transcript.length > TRANSCRIPT_LINES) this.#transcript.shift();
  }
}

import assert from 'node:assert/strict';
import { dataMessage, MessageType, type DataMessage, type Welcome } from '../../../src/wire/messages.js';
import { brief, means } from './brief.js';
import { heartbeat, probe, type Session } from './say.js';
import type { Connection, Ending, Target } from './target.js';
import { Watch } from './watch.js';

/** The lines a failure shows. */
const TRANSCRIPT_LINES = 60;
/** What the gateway had to write at once, it has written before it answered so many probes, one after the other. */
const SETTLING_PROBES = 3;
/** What a gateway may say of a session at any time, and no case counts on unless it names it. */
const ADVICE = new Set(['PAUSE', 'RESUME', 'THROTTLE', 'WINDOW']);

/** A client at one end of a connection: it writes what a case says and reads what comes, by session. */
export class Peer {
  readonly connection: Connection;
  /** Sends no HEARTBEAT by itself and answers no probe. */
  readonly mute: boolean;
  readonly #target: Target;
  readonly #crowd: readonly Peer[];
  readonly #watch: Watch;
  readonly #unread = new Map<string, DataMessage[]>();
  readonly #acked = new Map<string, number>();
  readonly #acks = new Map<string, number>();
  readonly #answered = new Set<number>();
  readonly #transcript: string[] = [];
  #takenIn = 0;
  #probes = Math.floor(Math.random() * 1e9) + 1;
  #violation: Error | undefined;

  /** `crowd`: all peers of the case, this one among them or to be; `sent`: what they have sent. */
  constructor(
    target: Target,
    connection: Connection,
    crowd: readonly Peer[],
    sent: Map<string, number>,
    mute: boolean,
  ) {
    this.#target = target;
    this.#crowd = crowd;
    this.connection = connection;
    this.mute = mute;
    this.#watch = new Watch(sent);
  }

  /** Writes these messages, in StreamBatches as one batch. */
  write(...messages: readonly DataMessage[]): void {
    for (const message of messages) {
      this.#note(`> ${message.sessionId} ${brief(message)}`);
      this.#watch.wrote(message);
    }
    this.connection.send(messages);
  }

  /** Reads the Welcome, which must be the first thing that comes. */
  async welcomed(): Promise<Welcome> {
    const [first] = await this.#next('', 'WELCOME');
    const control = first?.control;
    assert(control?.action === 'welcome');
    return control;
  }

  /**
   * Reads the session's next messages, acks apart, and compares them with
   * these, each named by the beginning of its line (brief.ts). A session of ""
   * reads what speaks of the connection.
   */
  async reads(session: Session | string, ...lines: readonly string[]): Promise<DataMessage[]> {
    return this.#next(typeof session === 'string' ? session : session.id, ...lines);
  }

  /** Reads what comes for the session until one message's line is `last`; all of it. */
  async readsUntil(session: Session, last: string): Promise<DataMessage[]> {
    const messages: DataMessage[] = [];
    for (;;) {
      const [message] = await this.#take(session.id, last);
      messages.push(message);
      if (means(brief(message), last)) return messages;
    }
  }

  /** Resolves when the gateway has acknowledged `sequence`, on whatever message. */
  async acked(session: Session, sequence: number): Promise<void> {
    await this.#until(
      () => ((this.#acked.get(session.id) ?? 0) >= sequence ? true : undefined),
      () => `an ack of ${sequence} (there was ${this.#acked.get(session.id) ?? 0})`,
    );
  }

  /** The highest ack seen. */
  ackOf(session: Session): number {
    this.takeIn();
    return this.#acked.get(session.id) ?? 0;
  }

  /** Resolves with the next message that says nothing but an ack. */
  async nextAck(session: Session): Promise<void> {
    await this.#until(
      () => {
        const left = this.#acks.get(session.id) ?? 0;
        if (left === 0) return undefined;
        this.#acks.set(session.id, left - 1);
        return true;
      },
      () => 'an ACK',
    );
  }

  /** Forgets what was read by `nextAck` or could be. */
  forgetAcks(session: Session): void {
    this.takeIn();
    this.#acks.delete(session.id);
  }

  /** Resolves when the gateway has written what it had to write at once. */
  async settled(): Promise<void> {
    for (let i = 0; i < SETTLING_PROBES; i += 1) {
      const sequence = (this.#probes += 1);
      this.write(probe(sequence));
      await this.#until(
        () => (this.#answered.has(sequence) ? true : undefined),
        () => 'the answer to a HEALTH_CHECK',
      );
    }
  }

  /** Nothing has come for the session that was not read, and at once nothing will. */
  async silent(session: Session | string): Promise<void> {
    await this.settled();
    const id = typeof session === 'string' ? session : session.id;
    const left = (this.#unread.get(id) ?? []).map(brief).filter((line) => !isAdvice(line));
    if (left.length > 0)
      throw this.#failure(`expected silence of "${id}", got: ${left.slice(0, 5).join(', ')}`);
  }

  /** The gateway ends the connection, with this status and reason. */
  async ends(status: number, reason: string): Promise<Ending> {
    const ending = await this.#until(
      () => this.connection.ending,
      () => `the end of the connection, ${status} ${reason}`,
    );
    if (ending.status !== status || ending.reason !== reason) {
      throw this.#failure(
        `expected the connection to end ${status} "${reason}", got ${ending.status} "${ending.reason}": ${ending.message}`,
      );
    }
    return ending;
  }

  beat(): void {
    if (!this.mute && this.connection.ending === undefined) this.connection.send([heartbeat()]);
  }

  /** Looks at what has come since. Throws when a gateway may not write that. */
  takeIn(): void {
    const { received } = this.connection;
    while (this.#takenIn < received.length) {
      const message = received[this.#takenIn];
      this.#takenIn += 1;
      if (message !== undefined) this.#came(message);
    }
    if (this.#violation !== undefined) throw this.#violation;
  }

  #came(message: DataMessage): void {
    const { sessionId, type } = message;
    const line = brief(message);
    this.#note(`< ${sessionId} ${line}`);
    if (this.#takenIn === 1 && message.control?.action !== 'welcome')
      this.#violation ??= this.#failure('the first message is no Welcome');
    const wrong = this.#watch.came(message);
    if (wrong !== undefined) this.#violation ??= this.#failure(`${line}: ${wrong}`);
    if (type === MessageType.HEARTBEAT) return;
    if (type === MessageType.HEALTH_CHECK) {
      if (message.ack !== 0) this.#answered.add(message.sequence);
      else if (!this.mute) this.connection.send([dataMessage({ ...message, ack: message.sequence })]);
      return;
    }
    this.#acked.set(sessionId, Math.max(message.ack, this.#acked.get(sessionId) ?? 0));
    if (type === MessageType.ACK) {
      this.#acks.set(sessionId, (this.#acks.get(sessionId) ?? 0) + 1);
      return;
    }
    const unread = this.#unread.get(sessionId);
    if (unread === undefined) this.#unread.set(sessionId, [message]);
    else unread.push(message);
  }

  async #next(sessionId: string, ...lines: readonly string[]): Promise<DataMessage[]> {
    const messages: DataMessage[] = [];
    for (const expected of lines) {
      const [message, line] = await this.#take(sessionId, expected);
      if (!means(line, expected)) throw this.#failure(`expected ${expected}, got ${line}`);
      messages.push(message);
    }
    return messages;
  }

  async #take(sessionId: string, expected: string): Promise<[DataMessage, string]> {
    const takesAdvice = isAdvice(expected);
    return this.#until(
      () => {
        const unread = this.#unread.get(sessionId);
        for (let message = unread?.shift(); message !== undefined; message = unread?.shift()) {
          const line = brief(message);
          if (takesAdvice || !isAdvice(line)) return [message, line];
        }
        return undefined;
      },
      () => `${expected} of "${sessionId}"`,
    );
  }

  async #until<T>(condition: () => T | undefined, what: () => string): Promise<T> {
    try {
      return await this.#target.until(() => {
        // While one waits the others, too, answer probes.
        for (const peer of this.#crowd) peer.takeIn();
        const found = condition();
        const { ending } = this.connection;
        if (found !== undefined || ending === undefined) return found;
        throw this.#failure(
          `waited for ${what()}; the connection ended: ${ending.status} "${ending.reason}" ${ending.message}`,
        );
      }, what);
    } catch (error) {
      if (error instanceof Error && error.name === 'Timeout')
        throw this.#failure(`waited in vain for ${what()}`);
      throw error;
    }
  }

  #note(line: string): void {
    this.#transcript.push(line);
    if (this.#transcript.length > TRANSCRIPT_LINES) this.#transcript.shift();
  }

  #failure(what: string): Error {
    return new Error(`${what}\n${this.#transcript.join('\n')}`);
  }
}

function isAdvice(line: string): boolean {
  return ADVICE.has(line.split(' ', 1)[0] ?? '');
}

import type { DropReason } from '../../core/counters.js';
import { SluiceError } from '../../core/errors.js';
import type { Size } from '../../flow/window.js';
import { encodedBound } from '../../wire/codec.js';
import { weightOf, type DataMessage } from '../../wire/messages.js';
import { detached } from '../detached-message.js';
import { Outbox, type OutboxOptions } from './outbox.js';
import { OutgoingPayloads } from './outgoing-payloads.js';
import { WaitingSends, type Payload } from './waiting-sends.js';

export interface SenderOptions extends Omit<OutboxOptions, 'bound'> {
  /** The most that may wait unsent; as much again, and one at least, may wait for room. */
  readonly waiting: Size;
  readonly maxMessageBytes: number;
}

/**
 * What became of a send: its payload is in the outbox; more of the payload is to
 * come; the policy ends the session; or it waits, and the promise tells when not.
 */
export type Sent = 'taken' | 'collected' | 'disconnect' | Promise<void>;

/**
 * The way of a route's sends into its session's outbox: payloads are made of
 * them, and wait their turn where there is no room.
 */
export class Sender implements Size {
  readonly outbox: Outbox;
  readonly #sessionId: string;
  readonly #waitingBound: Size;
  readonly #maxMessageBytes: number;
  /** Made for the first that waits. */
  #waiting: WaitingSends | undefined;
  /** Made for the first that is not simply one message. */
  #payloads: OutgoingPayloads | undefined;

  constructor({ waiting, maxMessageBytes, ...options }: SenderOptions) {
    this.outbox = new Outbox({ ...options, bound: waiting });
    this.#sessionId = options.sessionId;
    this.#waitingBound = waiting;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Everything held, wherever it is on its way. */
  get messages(): number {
    return this.outbox.held.messages + (this.#waiting?.messages ?? 0) + (this.#payloads?.messages ?? 0);
  }

  get bytes(): number {
    return this.outbox.held.bytes + (this.#waiting?.bytes ?? 0) + (this.#payloads?.bytes ?? 0);
  }

  /** Sends that wait for room. */
  get waitingSends(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Everything was acknowledged past, and nothing waits. */
  get settled(): boolean {
    return this.outbox.settled && this.waitingSends === 0;
  }

  /**
   * Takes a message of the route. `held`: nothing may be taken now, however much
   * room there is. Throws MESSAGE_TOO_LARGE, or OVERLOADED where too many wait.
   */
  send(message: DataMessage, nowMs: number, held: boolean): Sent {
    const mustWait = held || this.waitingSends > 0;
    if (this.#isWhole(message)) {
      // Nearly all are: for those no list is made unless they wait.
      const admission = mustWait ? 'wait' : this.outbox.admit(message, nowMs);
      return admission === 'wait' ? this.#wait([message]) : admission;
    }
    this.#payloads ??= new OutgoingPayloads({
      maxMessageBytes: this.#maxMessageBytes,
      collected: this.#waitingBound,
    });
    const payload = this.#payloads.next(message);
    if (payload === undefined) return 'collected';
    const admission = mustWait ? 'wait' : this.#admit(payload, nowMs);
    return admission === 'wait' ? this.#wait(payload) : admission;
  }

  /** There may be room: takes in what waited for it. */
  takeWaiting(nowMs: number): 'disconnect' | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined) return undefined;
    for (let send = waiting.first; send !== undefined; send = waiting.first) {
      try {
        const admission = this.#admit(send.payload, nowMs);
        if (admission === 'wait') return undefined;
        if (admission === 'disconnect') return 'disconnect';
        waiting.shift();
        send.taken();
      } catch (error) {
        waiting.shift();
        send.refused(error);
      }
    }
    return undefined;
  }

  /** The route has nothing more to say: what it has only begun is forgotten. */
  forgetUnfinished(): void {
    this.#payloads?.clear();
  }

  /** Drops all that is held, for the session has ended; counted under `reason`, and told to those who wait. */
  discard(reason: DropReason, error: SluiceError): void {
    this.outbox.discard(reason);
    this.#payloads?.clear();
    this.#waiting?.refuseAll(error);
  }

  /** Whether it is a payload by itself, and surely small enough for one message. */
  #isWhole(message: DataMessage): boolean {
    if (this.#payloads !== undefined || message.more) return false;
    return encodedBound(message) <= this.#maxMessageBytes;
  }

  #admit(payload: Payload, nowMs: number): 'taken' | 'wait' | 'disconnect' {
    const { outbox } = this;
    const admission =
      payload.length === 1 ? outbox.admit(payload[0], nowMs) : outbox.admitPieces(payload, nowMs);
    if (admission !== 'too-large') return admission;
    throw new SluiceError(
      'MESSAGE_TOO_LARGE',
      `a payload of ${payload.length} messages to the client fits neither its window ` +
        `(${outbox.window.messages} messages, ${outbox.window.bytes} bytes) nor what may wait for it ` +
        '(session.waitingMessages, session.waitingSize)',
    );
  }

  #wait(payload: Payload): Promise<void> {
    const sends = (this.#waiting ??= new WaitingSends());
    const bound = this.#waitingBound;
    let bytes = 0;
    for (const message of payload) bytes += weightOf(message);
    // One may always wait; those beside it only come of sends that were not awaited.
    if (sends.length > 0 && (sends.length >= bound.messages || sends.bytes + bytes > bound.bytes)) {
      throw new SluiceError(
        'OVERLOADED',
        `${sends.length} sends of ${sends.bytes} bytes wait for room in session "${this.#sessionId}" already ` +
          `(session.waitingMessages = ${bound.messages}, session.waitingSize = ${bound.bytes} bytes): ` +
          'await each send before the next',
      );
    }
    const [first, ...rest] = payload;
    return sends.add([detached(first), ...rest.map(detached)], bytes);
  }
}

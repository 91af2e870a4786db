import { SluiceError } from '../core/errors.js';
import { MESSAGE_OVERHEAD_BYTES } from '../flow/byte-account.js';
import { type DataMessage, weightOf } from '../wire/messages.js';
import type { SessionPort } from './session-port.js';

export interface ClientDeliveryOptions {
  readonly session: SessionPort;
  /** The largest payload over several messages. */
  readonly maxPayloadBytes: number;
  /** The session takes nothing now: nothing more should come. */
  readonly onFull: () => void;
  /** It takes again. */
  readonly onRoom: () => void;
  /** All that came has been taken. */
  readonly onIdle: () => void;
  /** The session's client can not be sent this payload, of which this is the last message looked at. */
  readonly onRefused: (message: DataMessage, error: SluiceError) => void;
}

/**
 * What backends send, on its way to the session: in order, one at a time, each
 * when the one before was taken. A payload over several messages is held
 * until its last has come, so that a backend that dies within one leaves no
 * half of it. Bounded by who feeds it stopping when told that it is full.
 */
export class ClientDelivery {
  readonly #options: ClientDeliveryOptions;
  #queue: DataMessage[] = [];
  #next = 0;
  /** Of the payload whose end has not come. */
  #pieces: DataMessage[] = [];
  #pieceBytes = 0;
  #state: 'idle' | 'waiting' | 'over' = 'idle';

  constructor(options: ClientDeliveryOptions) {
    this.#options = options;
  }

  /** Whether the session has taken all that came, but for a payload that has not ended. */
  get isIdle(): boolean {
    return this.#state !== 'waiting';
  }

  /** The next message. False: its payload is too large. */
  take(message: DataMessage): boolean {
    if (this.#state === 'over') return true;
    if (message.more || this.#pieces.length > 0) {
      this.#pieceBytes += weightOf(message);
      this.#pieces.push(message);
      const { maxPayloadBytes } = this.#options;
      // Else pieces without any bytes could go on for ever.
      const overheadBytes = this.#pieces.length * MESSAGE_OVERHEAD_BYTES;
      if (this.#pieceBytes > maxPayloadBytes || overheadBytes > maxPayloadBytes) return false;
      if (message.more) return true;
      this.#queue.push(...this.#pieces);
      this.forgetUnfinished();
    } else this.#queue.push(message);
    if (this.#state === 'idle') this.#deliver();
    return true;
  }

  /** The backend that had begun a payload is gone. */
  forgetUnfinished(): void {
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  /** The session is over. */
  stop(): void {
    this.#state = 'over';
    this.#queue = [];
    this.#next = 0;
    this.forgetUnfinished();
  }

  #is(state: 'idle' | 'waiting' | 'over'): boolean {
    return this.#state === state;
  }

  #deliver(): void {
    for (let message = this.#queue[this.#next]; message !== undefined; message = this.#queue[this.#next]) {
      this.#next += 1;
      try {
        const sent = this.#options.session.send(message);
        if (sent !== undefined) {
          this.#wait(message, sent);
          return;
        }
      } catch (error) {
        this.#refused(message, error);
      }
    }
    this.#queue = [];
    this.#next = 0;
  }

  #wait(message: DataMessage, sent: Promise<void>): void {
    this.#state = 'waiting';
    this.#options.onFull();
    const goOn = (): void => {
      if (this.#is('over')) return;
      this.#state = 'idle';
      this.#deliver();
      // The next one may wait in its turn, or the session have ended.
      if (this.#is('idle')) this.#options.onRoom();
      if (this.#is('idle')) this.#options.onIdle();
    };
    sent.then(goOn, (error: unknown) => {
      this.#refused(message, error);
      goOn();
    });
  }

  /** Most often for the session has ended, which it says by itself. */
  #refused(message: DataMessage, error: unknown): void {
    if (this.#is('over')) return;
    if (!(error instanceof SluiceError) || error.code !== 'MESSAGE_TOO_LARGE') {
      this.stop();
      // Too many other sessions of its connection wait for room: without this one message it can't go on.
      if (error instanceof SluiceError && error.code === 'OVERLOADED') this.#options.session.fail(error);
      return;
    }
    // The rest of the payload goes with it.
    for (let { more } = message; more;) {
      more = this.#queue[this.#next]?.more ?? false;
      this.#next += 1;
    }
    this.#options.onRefused(message, error);
  }
}

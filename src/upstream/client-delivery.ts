import { SluiceError } from '../core/errors.js';
import { type DataMessage, weightOf } from '../wire/messages.js';
import type { SessionPort } from './session-port.js';

/** A payload comes in at most so many messages: those without any bytes take room, too. */
const MAX_PIECES = 16_384;

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
  /** The session does not take this payload, of which this is the last message looked at. */
  readonly onRefused: (message: DataMessage, error: unknown) => void;
}

/**
 * What backends send, on its way to the session: in order, one at a time, each
 * when the one before was taken. A payload over several messages is held
 * until its last has come, so that a backend that dies within one leaves no
 * half of it. Bounded by who feeds it stopping when told that it is full.
 */
export class ClientDelivery {
  readonly #options: ClientDeliveryOptions;
  /** Messages, and what is to be done when those before it are taken. */
  #queue: (DataMessage | (() => void))[] = [];
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
      if (this.#pieceBytes > this.#options.maxPayloadBytes || this.#pieces.length >= MAX_PIECES) return false;
      this.#pieces.push(message);
      if (message.more) return true;
      this.#queue.push(...this.#pieces);
      this.forgetUnfinished();
    } else this.#queue.push(message);
    if (this.#state === 'idle') this.#deliver();
    return true;
  }

  /** Does this when all that has come is taken, but for a payload that has not ended: at once, where it is. */
  behind(act: () => void): void {
    if (this.#state === 'waiting') this.#queue.push(act);
    else act();
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
    for (let next = this.#queue[this.#next]; next !== undefined; next = this.#queue[this.#next]) {
      this.#next += 1;
      if (typeof next === 'function') {
        next();
        continue;
      }
      try {
        const sent = this.#options.session.send(next);
        if (sent !== undefined) {
          this.#wait(next, sent);
          return;
        }
      } catch (error) {
        this.#refused(next, error);
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

  #refused(message: DataMessage, error: unknown): void {
    if (this.#is('over')) return;
    // It takes nothing any more, and says so by itself.
    if (error instanceof SluiceError && error.code === 'INTERNAL') {
      const left = this.#queue.slice(this.#next);
      this.stop();
      for (const each of left) if (typeof each === 'function') each();
      return;
    }
    // The rest of the payload goes with it: its pieces stand together.
    for (let { more } = message; more;) {
      const piece = this.#queue[this.#next];
      more = typeof piece === 'object' && piece.more;
      this.#next += 1;
    }
    this.#options.onRefused(message, error);
  }
}

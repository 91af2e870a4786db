import { onAbort } from '../../core/on-abort.js';
import { RingQueue } from '../../flow/ring-queue.js';
import type { ClientError } from '../client-error.js';
import type { Incoming } from './incoming.js';
import type { GapNotice, Message } from '../message.js';
import { gapError, moreFailures } from './session-errors.js';

interface ReadWaiter {
  /** Undefined: there will be none. */
  readonly give: (message: Message | undefined) => void;
  readonly fail: (error: unknown) => void;
}

/** Failures that wait to be read; what is beyond is counted. */
const MAX_FAILURES = 64;

/** The application's side of what comes: one message at a time, with what has to be told at its place. */
export class SessionReader {
  readonly #incoming: Incoming;
  readonly #onGap: ((gap: GapNotice) => void) | undefined;
  #waiter: ReadWaiter | undefined;
  /** How the route failed on what nobody waited for. */
  readonly #failures = new RingQueue<{ readonly error: unknown; readonly isOfMessage: boolean }>();
  #failuresBeyond = 0;
  /** Failures, but not what callbacks have thrown, that no read has told of. */
  #untold = 0;
  /** Within `onGap`. */
  #isTelling = false;
  #over = false;
  #isClosed = false;
  #error: ClientError | undefined;

  constructor(incoming: Incoming, onGap: ((gap: GapNotice) => void) | undefined) {
    this.#incoming = incoming;
    this.#onGap = onGap;
  }

  /**
   * The next message as `wrap` makes it, which is given undefined where there
   * will be none. Rejects with what is to be told, and with the signal's reason;
   * `failed` is called before it does.
   */
  read<T>(
    wrap: (message: Message | undefined) => T,
    failed: (() => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      if (this.#waiter !== undefined || this.#isTelling) throw secondReader();
      signal?.throwIfAborted();
      const message = this.#take();
      if (message !== undefined || this.#over) return Promise.resolve(wrap(message));
    } catch (error) {
      failed?.();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what was thrown, whatever it is
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const waiter: ReadWaiter = {
        give: (message) => {
          resolve(wrap(message));
        },
        fail: (error) => {
          failed?.();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what was thrown, whatever it is
          reject(error);
        },
      };
      this.#waiter = signal === undefined ? waiter : this.#abortable(signal, waiter);
    });
  }

  /** Something came: whoever waits is given it. */
  arrived(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    try {
      const message = this.#take();
      // Within onGap it may have been answered, or have given up.
      if (this.#waiter !== waiter || (message === undefined && !this.#over)) return;
      this.#waiter = undefined;
      waiter.give(message);
    } catch (error) {
      this.#waiter = undefined;
      waiter.fail(error);
    }
  }

  /** The failures of messages of which nobody was told. */
  get untold(): number {
    return this.#untold;
  }

  /** A message failed that nobody waits for: thrown by the next read. */
  failed(error: ClientError): void {
    this.#untold += 1;
    this.#toThrow(error, true);
  }

  /** A callback has thrown it: thrown by the next read. */
  threw(error: unknown): void {
    this.#toThrow(error, false);
  }

  /** Nothing more will come; what is there is still read, then the error is thrown. */
  end(error: ClientError | undefined): void {
    if (this.#isClosed) return;
    this.#over = true;
    this.#error = error;
    this.#incoming.ended();
    this.arrived();
  }

  /** What is there, and what comes, is read by nobody. */
  close(): void {
    this.#over = this.#isClosed = true;
    this.#error = undefined;
    this.#failures.clear();
    this.#failuresBeyond = 0;
    this.#incoming.discard();
    this.arrived();
  }

  #toThrow(error: unknown, isOfMessage: boolean): void {
    if (this.#isClosed) return;
    // An application that reads nothing must not pile them up; the first ones say what is wrong.
    if (this.#failures.length < MAX_FAILURES) this.#failures.push({ error, isOfMessage });
    else this.#failuresBeyond += 1;
    this.arrived();
  }

  #take(): Message | undefined {
    const failure = this.#failures.shift();
    if (failure !== undefined) {
      if (failure.isOfMessage) this.#untold -= 1;
      throw failure.error;
    }
    if (this.#failuresBeyond > 0) {
      const count = this.#failuresBeyond;
      this.#failuresBeyond = this.#untold = 0;
      throw moreFailures(count);
    }
    const waiter = this.#waiter;
    for (let taken = this.#incoming.take(); taken !== undefined; taken = this.#incoming.take()) {
      if (!('gap' in taken)) return taken;
      if (this.#onGap === undefined) throw gapError(taken.gap);
      this.#tellGap(this.#onGap, taken.gap);
      // Whoever waited was answered within it, or gave up: what follows is for the next read.
      if (this.#waiter !== waiter) return undefined;
    }
    if (this.#error !== undefined) throw this.#error;
    return undefined;
  }

  #tellGap(onGap: (gap: GapNotice) => void, gap: GapNotice): void {
    this.#isTelling = true;
    try {
      onGap(gap);
    } finally {
      this.#isTelling = false;
    }
  }

  #abortable(signal: AbortSignal, waiter: ReadWaiter): ReadWaiter {
    const detach = onAbort(signal, () => {
      this.#waiter = undefined;
      waiter.fail(signal.reason);
    });
    return {
      give: (message) => {
        detach();
        waiter.give(message);
      },
      fail: (error) => {
        detach();
        waiter.fail(error);
      },
    };
  }
}

export function secondReader(): Error {
  return new Error('this session is being read already: one loop at a time reads');
}

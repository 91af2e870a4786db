import { RingQueue } from '../flow/ring-queue.js';
import type { DataMessage } from '../wire/messages.js';

/** What a route failed on a message with. */
export interface Failure {
  readonly error: unknown;
}

/** A message that its route has, and what has become of it. */
export interface UnderWay {
  readonly message: DataMessage;
  /** Clock.now() */
  readonly startedAt: number;
  isDone: boolean;
  tookMs: number;
  /** Undefined: accepted, once it is done. */
  failure: Failure | undefined;
}

/**
 * The messages that a pipelined route has, in their order, which is the order
 * they count in: one that is done waits here for those before it. It is storage
 * only: the window of the session, or the receive queue of the connection, is
 * its bound.
 */
export class Pipeline {
  /** Whether the route is being given a message just now: the next has to wait until it has returned. */
  isBusy = false;
  readonly #line = new RingQueue<UnderWay>();

  add(message: DataMessage, startedAt: number): UnderWay {
    const one: UnderWay = { message, startedAt, isDone: false, tookMs: 0, failure: undefined };
    this.#line.push(one);
    return one;
  }

  /** The one whose turn it is to count, if it is done. */
  get first(): UnderWay | undefined {
    const first = this.#line.peek();
    return first?.isDone === true ? first : undefined;
  }

  shift(): void {
    this.#line.shift();
  }

  /** Forgets all: what is not done is on its own. Returns what is. */
  clear(): readonly UnderWay[] {
    const done = this.#line.toArray().filter(({ isDone }) => isDone);
    this.#line.clear();
    return done;
  }
}

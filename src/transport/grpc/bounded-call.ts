import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status as Status,
} from '@grpc/grpc-js';
import type { Clock, Timer } from '../../core/clock.js';
import { closeOnceSent } from './close-once-sent.js';
import { innermostCall, type InnermostCall, type StatusObject } from './innermost-call.js';

/** More answers than these not yet taken by the network, and no more requests are read. */
const MAX_ANSWERS_WAITING = 16;
/** What one streaming call may ask. Tools that ask reflection need some dozens. */
const MAX_REQUESTS = 10_000;

export interface CallBounds {
  readonly clock: Clock;
  /** What a call has to bring its first message in, or all of its request where that is one message; 0 = no limit. */
  readonly firstMessageTimeoutMs: number;
}

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

/**
 * Bounds the calls that grpc-js serves itself, health and reflection, in what
 * they may hold: the time until their request is there, the answers that wait
 * for a client that does not read, the requests of one call. Place it next to
 * the network, and not in front of StreamService, whose calls have bounds of
 * their own.
 */
export function boundedCalls(bounds: CallBounds): ServerInterceptor {
  return ({ requestStream }, call) => new BoundedCall(call, requestStream, bounds);
}

class BoundedCall extends ServerInterceptingCall {
  readonly #inner: InnermostCall | undefined;
  readonly #requestStream: boolean;
  readonly #bounds: CallBounds;
  #timer: Timer | undefined;
  #requests = 0;
  #answersWaiting = 0;
  /** A read was asked for while too many answers waited. */
  #readHeld = false;
  #halfClosed = false;
  /** Ended by us: requests that still come are nobody's, answers that still come would follow the status. */
  #refused = false;

  constructor(call: ServerInterceptingCallInterface, requestStream: boolean, bounds: CallBounds) {
    super(call);
    this.#inner = innermostCall(call);
    this.#requestStream = requestStream;
    this.#bounds = bounds;
  }

  override start(listener: Listener): void {
    super.start({
      onReceiveMetadata: (metadata) => {
        this.#awaitRequest();
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message: unknown) => {
        if (this.#refused) return;
        this.#requests += 1;
        // A method of one message is called at the half-close: one that holds that back holds the call.
        if (this.#requestStream) this.#timer?.cancel();
        if (this.#requests > MAX_REQUESTS) {
          this.#refuse(
            Status.RESOURCE_EXHAUSTED,
            `One call may bring ${MAX_REQUESTS} messages at most; go on with another call.`,
          );
        } else {
          listener.onReceiveMessage(message);
        }
      },
      onReceiveHalfClose: () => {
        this.#halfClosed = true;
        this.#timer?.cancel();
        if (!this.#refused) listener.onReceiveHalfClose();
      },
      // Comes at every ending, after the trailers where there are some.
      onCancel: () => {
        this.#timer?.cancel();
        if (!this.#halfClosed && this.#inner !== undefined) {
          closeOnceSent(this.#inner.http2, this.#bounds.clock);
        }
        listener.onCancel();
      },
    });
  }

  override startRead(): void {
    if (this.#answersWaiting > MAX_ANSWERS_WAITING) this.#readHeld = true;
    else if (!this.#refused) super.startRead();
  }

  /**
   * The first few are done at once for whoever writes, so that what waits is
   * counted here and not in grpc-js's stream, which passes on one at a time.
   */
  override sendMessage(message: unknown, callback: () => void): void {
    if (this.#refused) {
      callback();
      return;
    }
    this.#answersWaiting += 1;
    const atOnce = this.#answersWaiting <= MAX_ANSWERS_WAITING;
    super.sendMessage(message, () => {
      this.#answersWaiting -= 1;
      if (!atOnce) callback();
      if (!this.#readHeld || this.#answersWaiting > MAX_ANSWERS_WAITING) return;
      this.#readHeld = false;
      this.startRead();
    });
    if (atOnce) callback();
  }

  override sendStatus(status: StatusObject): void {
    this.#timer?.cancel();
    super.sendStatus(status);
  }

  #awaitRequest(): void {
    const { clock, firstMessageTimeoutMs } = this.#bounds;
    if (firstMessageTimeoutMs === 0) return;
    this.#timer = clock.setTimeout(() => {
      this.#refuse(
        Status.DEADLINE_EXCEEDED,
        `The call did not bring its request within ${firstMessageTimeoutMs} ms of its opening (stream.firstMessageTimeout).`,
      );
    }, firstMessageTimeoutMs);
  }

  #refuse(code: Status, details: string): void {
    this.#refused = true;
    this.sendStatus({ code, details });
  }
}

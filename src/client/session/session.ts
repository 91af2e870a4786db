import type { Message, Payload, SendOptions, SessionEnd } from '../message.js';
import type { SessionFilter } from './session-filter.js';
import type { SessionProtocol } from './session-protocol.js';
import { secondReader } from './session-reader.js';
import type { SinkOptions } from './session-sink.js';
import { webReadableOf, webWritableOf } from './web-streams.js';

/** What a session holds, at this moment. */
export interface SessionStats {
  /** Messages sent and not acknowledged by the gateway. */
  readonly unacknowledged: number;
  /** Sends that wait in the buffer. */
  readonly waiting: number;
  /** Messages and gaps received and not taken. */
  readonly received: number;
  /** Bytes of all these. */
  readonly bufferedBytes: number;
}

/**
 * One conversation with a route of the gateway, opened by `client.open(route)`.
 * It outlives broken connections: what was sent reaches the route once and in
 * order, and so does what the route sends reach whoever reads here.
 *
 * A message is acknowledged when the application takes the next one: what was
 * taken last and not worked on counts as lost with the process, not as handled.
 */
export class Session implements AsyncIterable<Message>, AsyncDisposable {
  /** "" is the gateway's default route. */
  readonly route: string;
  readonly #protocol: SessionProtocol;
  readonly #filter: SessionFilter | undefined;
  /** The loop that reads; undefined: none. */
  #loop: object | undefined;

  /** @internal Sessions are made by `client.open`. */
  constructor(
    route: string,
    protocol: SessionProtocol,
    filterOf: (session: Session) => SessionFilter | undefined,
  ) {
    this.route = route;
    this.#protocol = protocol;
    this.#filter = filterOf(this);
  }

  get id(): string {
    return this.#protocol.id;
  }

  /** Whether it is open on a connection right now. Sending and reading do not have to wait for that. */
  get isOpen(): boolean {
    return this.#protocol.isOpen;
  }

  get stats(): SessionStats {
    const { outgoing, incoming } = this.#protocol;
    const { unacknowledged, buffer } = outgoing;
    return {
      unacknowledged: unacknowledged.messages,
      waiting: buffer.count,
      received: incoming.count,
      bufferedBytes: unacknowledged.bytes + buffer.load.bytes + incoming.bytes,
    };
  }

  /** Whether `pause` was called, and `resume` was not since. */
  get isPaused(): boolean {
    return this.#protocol.isPaused;
  }

  /** Resolves when the session is over, however it ended. Never rejects. */
  get closed(): Promise<SessionEnd> {
    return this.#protocol.closed;
  }

  /**
   * Sends one message, or one payload of any size that the gateway can hold.
   * Resolves as soon as the gateway has room for it (which is what to wait for
   * before the next); under another policy than `block` at once. From then on it
   * is sent again until the gateway has it, over as many connections as it takes.
   *
   * Rejects with a ClientError where it was not taken: BUFFER_FULL,
   * MESSAGE_TOO_LARGE, DROPPED, CLOSED, or what the session ended with; with the
   * signal's reason; with a TypeError or RangeError for what can't be sent.
   */
  send(data: Payload, options?: SendOptions): Promise<void> {
    const filter = this.#filter;
    if (filter === undefined) return this.#protocol.sender.send(data, options, false);
    return filter.send(data, options, false);
  }

  /**
   * Sends as `send` does and resolves when the gateway has acknowledged it: the
   * route was done with it. Rejects with the route's error where it failed on
   * it; with RESET, or the code of the session's end, where that is not known.
   */
  sendAndWait(data: Payload, options?: SendOptions): Promise<void> {
    const filter = this.#filter;
    if (filter === undefined) return this.#protocol.sender.send(data, options, true);
    return filter.send(data, options, true);
  }

  /**
   * The next message; undefined where the session has ended and all is read.
   * The one before is acknowledged. Rejects with a GAP once for each gap (where
   * no `onGap` was given), with how the route failed on what nobody waited for
   * (no `onFailure`), and with what the session ended with; read on after the
   * first two.
   */
  receive(options?: { readonly signal?: AbortSignal }): Promise<Message | undefined> {
    return this.#read(asIs, undefined, options?.signal);
  }

  /** All messages until the session ends, one loop at a time. Leaving the loop leaves the session open. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#iterator(undefined);
  }

  /** The same under a signal, whose reason the loop throws. */
  messages(options: { readonly signal: AbortSignal }): AsyncIterable<Message> {
    return { [Symbol.asyncIterator]: () => this.#iterator(options.signal) };
  }

  /**
   * Asks the gateway to hold what it has for us, until `resume`. What is under way still comes, and on a new
   * connection as much as the window lets in before the gateway is told again. What waits there meanwhile is under the
   * session's overflow policy. After `end` everything is delivered.
   */
  pause(): void {
    this.#protocol.pause(true);
  }

  /** Ends `pause`. */
  resume(): void {
    this.#protocol.pause(false);
  }

  /**
   * Nothing more will be sent. Once all that waits is sent and handled, and all
   * that the route sends is read here (read on!), the session ends.
   */
  end(): void {
    this.#protocol.end();
    // Nobody is in the middle of the last message.
    if (this.#loop === undefined) this.#protocol.incoming.release();
  }

  /**
   * As `end`, and reads nothing more: what was received, and still comes, is
   * acknowledged and dropped. Resolves when the gateway has handled all that was
   * sent and closed the session; an aborted signal ends it here and now, CLOSED.
   */
  close(options?: { readonly signal?: AbortSignal }): Promise<SessionEnd> {
    return this.#protocol.close(options?.signal);
  }

  /**
   * What comes, as a web stream of bytes: a message is acknowledged when the
   * stream's reader comes for more. Ends with the session; cancelling it leaves
   * the session open.
   */
  webReadable(): ReadableStream<Uint8Array> {
    return webReadableOf(this);
  }

  /**
   * A web stream into the session: each chunk is a message, or the whole stream is one payload (`payload`). Takes no
   * more than the gateway has room for; its end is the session's (`end()`), and it has closed when the gateway has
   * acknowledged everything. Aborting it leaves the session open, unless half a payload was sent.
   */
  webWritable(options?: SinkOptions): WritableStream<Payload> {
    return webWritableOf(this, options);
  }

  /** Closes it; without a connection for five seconds it is given up. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#protocol.dispose();
  }

  #read<T>(
    wrap: (message: Message | undefined) => T,
    failed: (() => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const filter = this.#filter;
    if (filter?.receives !== true) return this.#protocol.reader.read(wrap, failed, signal);
    return filter.receive(signal).then(wrap, (error: unknown) => {
      failed?.();
      throw error;
    });
  }

  #iterator(signal: AbortSignal | undefined): AsyncIterator<Message, undefined> {
    const loop = {};
    let isDone = false;
    const done = (): void => {
      isDone = true;
      if (this.#loop === loop) this.#loop = undefined;
    };
    const wrap = (message: Message | undefined): IteratorResult<Message, undefined> => {
      if (message !== undefined) return { value: message, done: false };
      done();
      return DONE;
    };
    return {
      next: () => {
        if (isDone) return Promise.resolve(DONE);
        if (this.#loop !== undefined && this.#loop !== loop) return Promise.reject(secondReader());
        this.#loop = loop;
        // A loop does not ask an iterator that has failed to return.
        return this.#read(wrap, done, signal);
      },
      return: () => {
        done();
        return Promise.resolve(DONE);
      },
    };
  }
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

function asIs(message: Message | undefined): Message | undefined {
  return message;
}

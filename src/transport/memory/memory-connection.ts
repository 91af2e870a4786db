import type { Clock, Timer } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import type { SluiceError } from '../../core/errors.js';
import type { DataMessage } from '../../wire/messages.js';
import { BodyReader, encodeBodies } from '../bodies.js';
import type { ServedMethod, StreamAcceptor, StreamClose } from '../contract.js';
import { type Framing, REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { type MemoryPeer, MemoryStream } from './memory-stream.js';

const DEFAULT_MAX_MESSAGE_BYTES = 5 * 1024 * 1024;

export interface MemoryConnectionOptions {
  readonly clock: Clock;
  /** Default StreamData. */
  readonly method?: ServedMethod;
  /** Request metadata, names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the server sees as the client's address. Default `memory:1`. */
  readonly peer?: string;
  /** The client's certificate, as if TLS had verified it. Default none. */
  readonly certificate?: ClientCertificate;
  /**
   * How much may lie unread at either end, in encoded bytes; one message always
   * fits. Beyond it the server's `bytesInFlight` stays and `send` returns
   * false. Default 65,535, as in HTTP/2.
   */
  readonly windowBytes?: number;
  /** The largest message the server takes, in bytes. Default 5 MiB. */
  readonly maxMessageBytes?: number;
  /** The client's deadline, from now. Default none. */
  readonly deadlineMs?: number;
  /** Told of exceptions the server's receiver let escape. */
  readonly onFault?: (error: unknown) => void;
}

/** How a connection ended, as its client sees it. */
export interface MemoryEnd {
  readonly close: StreamClose;
  /** What the server ended the stream with; undefined for OK, and where `close` is not `ended`. */
  readonly error: SluiceError | undefined;
}

type Waiter = (message: DataMessage | undefined) => void;

/**
 * A client's connection to a server in the same process, without a network:
 * messages are encoded and decoded as on the wire, flow control holds both
 * sides, and everything happens in later turns of the clock's `setImmediate`.
 *
 * Read with `receive()` or `for await`; what is not read counts against the window.
 */
export class MemoryConnection {
  /** Resolves when the connection is over; never rejects. */
  readonly ended: Promise<MemoryEnd>;

  readonly #windowBytes: number;
  readonly #framing: Framing;
  readonly #maxMessageBytes: number;
  readonly #stream: MemoryStream;
  /** Bodies of frames that nobody has read. */
  readonly #arrived: Uint8Array[] = [];
  /** The frame being read. */
  readonly #frame: BodyReader;
  readonly #waiters: Waiter[] = [];
  #sent: Uint8Array[] = [];
  #unsentBytes = 0;
  #unreadBytes = 0;
  #halfClosed = false;
  #end: MemoryEnd | undefined;
  #resolveEnded: (end: MemoryEnd) => void = () => undefined;
  #deadline: Timer | undefined;

  constructor(accept: StreamAcceptor, options: MemoryConnectionOptions) {
    const { clock, method = 'StreamData', maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#framing = REQUEST_FRAMING[method];
    this.#windowBytes = options.windowBytes ?? 65_535;
    this.#frame = new BodyReader(RESPONSE_FRAMING[method]);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#stream = new MemoryStream(
      {
        method,
        peer: options.peer ?? 'memory:1',
        metadata: new Map(Object.entries(options.metadata ?? {})),
        certificate: options.certificate,
        maxMessageBytes,
        onFault: options.onFault ?? (() => undefined),
      },
      clock,
      this.#peer(),
      accept,
    );
    if (options.deadlineMs !== undefined) {
      this.#deadline = clock.setTimeout(() => {
        this.#stream.closeSoon('deadline');
      }, options.deadlineMs);
    }
  }

  /** Bytes sent that the server has not taken: what a server that does not read leaves behind. */
  get bytesInFlight(): number {
    return this.#unsentBytes;
  }

  /** Bytes received that nobody has begun to read. */
  get bytesUnread(): number {
    return this.#unreadBytes;
  }

  /**
   * Sends the messages, in StreamBatches as one batch. False when the window is
   * full (what was sent is kept, but wait before sending more), and after
   * `halfClose` or the end, when nothing is sent.
   */
  send(...messages: readonly DataMessage[]): boolean {
    let hasRoom = !this.#halfClosed && this.#end === undefined && this.#unsentBytes <= this.#windowBytes;
    for (const body of encodeBodies(this.#framing, messages, this.#maxMessageBytes))
      hasRoom = this.sendBytes(body);
    return hasRoom;
  }

  /** Sends one frame with these bytes as its body, whatever they are. */
  sendBytes(body: Uint8Array): boolean {
    if (this.#halfClosed || this.#end !== undefined) return false;
    this.#sent.push(body);
    this.#unsentBytes += body.length;
    this.#stream.wake();
    return this.#unsentBytes <= this.#windowBytes;
  }

  /** The client's last message was sent; it goes on receiving. */
  halfClose(): void {
    this.#halfClosed = true;
    this.#stream.wake();
  }

  /** Ends the call from the client's side, at once. */
  cancel(): void {
    this.#stream.closeSoon('cancelled');
  }

  /** The network fails. */
  break(): void {
    this.#stream.closeSoon('lost');
  }

  /**
   * The next message, in order; undefined when the connection is over and all
   * that arrived has been read.
   */
  receive(): Promise<DataMessage | undefined> {
    const message = this.#next();
    if (message !== undefined || this.#end !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataMessage, void, void> {
    for (;;) {
      const message = await this.receive();
      if (message === undefined) return;
      yield message;
    }
  }

  #next(): DataMessage | undefined {
    const one: DataMessage[] = [];
    for (;;) {
      this.#frame.fill(one, 1);
      if (one.length > 0) return one[0];
      const body = this.#arrived.shift();
      if (body === undefined) return undefined;
      this.#unreadBytes -= body.length;
      this.#frame.push(body);
      this.#stream.wake();
    }
  }

  /** Gives those who wait what there is; at the end, that there is nothing more. */
  #settle(): void {
    while (this.#waiters.length > 0) {
      const message = this.#next();
      if (message === undefined && this.#end === undefined) return;
      this.#waiters.shift()?.(message);
    }
  }

  #peer(): MemoryPeer {
    const halfClosed = (): boolean => this.#halfClosed;
    return {
      get halfClosed() {
        return halfClosed();
      },
      next: () => {
        const body = this.#sent.shift();
        this.#unsentBytes -= body?.length ?? 0;
        return body;
      },
      take: (body) => {
        if (this.#unreadBytes > 0 && this.#unreadBytes + body.length > this.#windowBytes) return false;
        this.#arrived.push(body);
        this.#unreadBytes += body.length;
        this.#settle();
        return true;
      },
      over: (close, error) => {
        this.#deadline?.cancel();
        this.#end = { close, error: close === 'ended' ? error : undefined };
        this.#sent = [];
        this.#unsentBytes = 0;
        this.#settle();
        this.#resolveEnded(this.#end);
      },
    };
  }
}

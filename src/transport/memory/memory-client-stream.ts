import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { GrpcStatus, type SluiceError } from '../../core/errors.js';
import type { DataMessage } from '../../wire/messages.js';
import { BodyReader, encodeBodies } from '../bodies.js';
import type { CallEnd, CallMetadata, ClientStream, StreamEvents } from '../client-contract.js';
import type { ServedMethod, StreamAcceptor, StreamClose } from '../contract.js';
import type { Framing } from '../framing.js';
import { MemoryStream } from './memory-stream.js';

const DEFAULT_WINDOW_BYTES = 65_535;
const DEFAULT_MAX_MESSAGE_BYTES = 5 * 1024 * 1024;
/** Messages given at a time, as when they come from a network. */
const MAX_AT_A_TIME = 1_024;

export interface MemoryClientStreamOptions {
  readonly clock: Clock;
  readonly method: ServedMethod;
  /** What the messages are to this side; as on the wire, or as bytes for who encodes himself. */
  readonly framing: { readonly request: Framing; readonly response: Framing };
  readonly metadata: CallMetadata;
  /** What was dialled, for the message of a broken connection. */
  readonly address: string;
  readonly peer: string;
  readonly certificate?: ClientCertificate;
  readonly windowBytes?: number;
  readonly maxMessageBytes?: number;
  readonly onFault?: (error: unknown) => void;
  readonly isFrozen: () => boolean;
  /** Called when the client's side is over, before its events are. */
  readonly onOver: () => void;
  /** Called when the server's side is over too. */
  readonly onGone: () => void;
}

/** The client's side of a memory stream; its server's side is a MemoryStream. */
export class MemoryClientStream implements ClientStream {
  readonly #options: MemoryClientStreamOptions;
  readonly #events: StreamEvents;
  readonly #windowBytes: number;
  readonly #maxMessageBytes: number;
  readonly #server: MemoryStream;
  readonly #reader: BodyReader;
  readonly #batch: DataMessage[] = [];
  #sent: Uint8Array[] = [];
  #unsentBytes = 0;
  /** The last `send` returned false, and nobody has been told of room since. */
  #awaited = false;
  #halfClosed = false;
  #turnQueued = false;
  #cancelled = false;
  #paused = false;
  /** The server's end, while the network is frozen. */
  #heldEnd: CallEnd | undefined;
  #end: CallEnd | undefined;
  #over = false;
  #serverOver = false;

  constructor(accept: StreamAcceptor, options: MemoryClientStreamOptions, events: StreamEvents) {
    const { clock, method, windowBytes, maxMessageBytes } = options;
    this.#options = options;
    this.#events = events;
    this.#windowBytes = windowBytes ?? DEFAULT_WINDOW_BYTES;
    this.#maxMessageBytes = maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#reader = new BodyReader(options.framing.response);
    const halfClosed = (): boolean => this.#halfClosed && !options.isFrozen();
    this.#server = new MemoryStream(
      {
        method,
        peer: options.peer,
        metadata: new Map(Object.entries(options.metadata)),
        certificate: options.certificate,
        maxMessageBytes: this.#maxMessageBytes,
        onFault: options.onFault ?? (() => undefined),
      },
      clock,
      {
        get halfClosed() {
          return halfClosed();
        },
        next: () => (options.isFrozen() ? undefined : this.#next()),
        take: (body) => !options.isFrozen() && this.#take(body),
        over: (close, error) => {
          this.#serverOver = true;
          if (this.#over) options.onGone();
          this.#arrive(endOf(close, error, options.address));
        },
      },
      accept,
    );
  }

  send(messages: readonly DataMessage[]): boolean {
    if (this.#halfClosed || this.#end !== undefined) return false;
    for (const body of encodeBodies(this.#options.framing.request, messages, this.#maxMessageBytes)) {
      this.#sent.push(body);
      this.#unsentBytes += body.length;
    }
    this.#server.wake();
    this.#awaited = this.#unsentBytes > this.#windowBytes;
    return !this.#awaited;
  }

  halfClose(): void {
    this.#halfClosed = true;
    this.#server.wake();
  }

  cancel(): void {
    if (this.#end !== undefined) return;
    this.#cancelled = true;
    this.#endSoon({ status: GrpcStatus.CANCELLED, message: 'The call was cancelled.' });
    // Over a frozen network the server hears of it once that carries again.
    if (!this.#options.isFrozen()) this.#server.closeSoon('cancelled');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#turnSoon();
  }

  /** The network fails: each side finds out by itself. */
  break(): void {
    this.#server.closeSoon('lost');
    this.#endSoon(endOf('lost', undefined, this.#options.address));
  }

  /** The network carries again. */
  wake(): void {
    if (this.#cancelled) this.#server.closeSoon('cancelled');
    else this.#server.wake();
    if (this.#heldEnd !== undefined) this.#endSoon(this.#heldEnd);
  }

  /** How the server ended it. */
  #arrive(end: CallEnd): void {
    if (this.#options.isFrozen()) this.#heldEnd = end;
    else this.#endSoon(end);
  }

  #next(): Uint8Array | undefined {
    const body = this.#sent.shift();
    this.#unsentBytes -= body?.length ?? 0;
    if (this.#awaited && this.#unsentBytes <= this.#windowBytes) this.#turnSoon();
    return body;
  }

  /** What comes within a turn is given in the next; more than a window of it stays with the server. */
  #take(body: Uint8Array): boolean {
    if (this.#end !== undefined) return true;
    const { held, bytes } = this.#reader;
    if (held > 0 && bytes + body.length > this.#windowBytes) return false;
    this.#reader.push(body);
    this.#turnSoon();
    return true;
  }

  #endSoon(end: CallEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#sent = [];
    this.#unsentBytes = 0;
    this.#turnSoon();
  }

  /** The client is told in turns of its own, so that what it throws is not taken for the server's fault. */
  #turnSoon(): void {
    if (this.#turnQueued) return;
    this.#turnQueued = true;
    this.#options.clock.setImmediate(() => {
      this.#turnQueued = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#over) return;
    // An end that the client asks for while it is told of messages is told in the turn that follows.
    const end = this.#end;
    this.#deliver();
    // The end comes after what came before it.
    if (end !== undefined && this.#paused && !this.#cancelled && !this.#reader.isEmpty) return;
    if (end !== undefined) {
      this.#over = true;
      this.#reader.clear();
      this.#options.onOver();
      if (this.#serverOver) this.#options.onGone();
      this.#events.onEnd(end);
    } else if (this.#awaited && this.#end === undefined && this.#unsentBytes <= this.#windowBytes) {
      this.#awaited = false;
      this.#events.onWritable();
    }
  }

  #deliver(): void {
    const batch = this.#batch;
    while (!this.#paused && !this.#cancelled && !this.#reader.isEmpty) {
      const unreadable = this.#reader.fill(batch, MAX_AT_A_TIME);
      if (batch.length > 0) this.#events.onMessages(batch);
      batch.length = 0;
      if (unreadable !== undefined) {
        this.#cancelled = true;
        this.#endSoon({ status: GrpcStatus.INTERNAL, message: unreadable.message });
        this.#server.closeSoon('cancelled');
      }
    }
    if (this.#end === undefined) this.#server.wake();
  }
}

function endOf(close: StreamClose, error: SluiceError | undefined, address: string): CallEnd {
  switch (close) {
    case 'ended': {
      if (error === undefined) return { status: GrpcStatus.OK, message: '' };
      const { code, message, retryAfterMs } = error;
      const status = error.grpcStatus;
      return { status, message, code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
    case 'reset':
    case 'cancelled':
      return { status: GrpcStatus.CANCELLED, message: 'The gateway gave the stream up.' };
    case 'lost':
      return { status: GrpcStatus.UNAVAILABLE, message: `The connection to ${address} was lost.` };
    case 'deadline':
      return { status: GrpcStatus.DEADLINE_EXCEEDED, message: 'The deadline of the call has passed.' };
  }
}

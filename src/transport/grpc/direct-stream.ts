import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { SluiceError } from '../../core/errors.js';
import type { Arrival, Turn } from '../../core/turn.js';
import type { DataMessage } from '../../wire/messages.js';
import type {
  StreamAcceptor,
  StreamClose,
  ServedMethod,
  StreamReceiver,
  TransportStream,
} from '../contract.js';
import { connectionDeadlineOf } from './connection-age.js';
import { connectionCertificateOf } from './connection-certificate.js';
import { answerNextTurn, closeOnceSent } from './close-once-sent.js';
import type { BufferAccount } from '../../flow/held-bytes.js';
import { type Framing, REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { receiverFault } from '../stream-errors.js';
import { Deadline } from './deadline.js';
import type { FrameWriter } from './frame-writer.js';
import { framesAround, hasLargePayload } from './large-payloads.js';
import { MessageReader } from './message-reader.js';
import type { Reads } from './reads.js';
import { resetStream } from './own-resets.js';
import { PieceQueue } from './piece-queue.js';
import type { MessageEncoding } from './request-headers.js';
import { DEADLINE_FLUSH_MS } from './stream-options.js';
import {
  type CallStatus,
  DEADLINE_STATUS,
  OK_STATUS,
  RESPONSE_HEADERS,
  statusOf,
  trailersOf,
} from './trailers.js';

/** Above this many unwritten bytes a stream gets chunks of its own instead of parts of shared slabs. */
const BACKED_UP_BYTES = 8 * 1024;
/** More than this is not given to HTTP/2 at once: it would tell of it only when all of it has left. */
const MAX_HANDED_BYTES = 128 * 1024;
/** From here on HTTP/2 is asked to bring no more of a stream in this turn; what its window lets out still comes. */
const MAX_ARRIVED_BYTES = 256 * 1024;

/** What a stream shares with all others of its server. */
export interface DirectStreamContext {
  readonly account: BufferAccount | undefined;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly turn: Turn;
  readonly reads: Reads;
  readonly writer: FrameWriter;
  readonly onFault: (error: unknown) => void;
}

/** What the request headers said. */
export interface DirectCall {
  readonly method: ServedMethod;
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly encoding: MessageEncoding;
  readonly timeoutMs: number | undefined;
}

/**
 * The array `onMessages` gets, lent to one stream at a time. A stream whose
 * receiver wakes another from within `onMessages` finds it gone and makes one.
 */
let spareBatch: DataMessage[] | undefined;

/**
 * - `starting`: the acceptor is running, no header has been sent
 * - `open`
 * - `ending`: the status is behind what was sent; reading has stopped
 * - `closed`: the receiver has been told; nothing more is called
 */
type State = 'starting' | 'open' | 'ending' | 'closed';

/**
 * One gRPC stream straight on its HTTP/2 stream. What comes in is taken from
 * HTTP/2 before it goes through the queue of a Readable: HTTP/2 tells of each
 * frame by itself, and that queue costs more a frame than all that the gateway
 * does with the message in it.
 */
export class DirectStream implements TransportStream, Arrival {
  readonly method: ServedMethod;
  readonly carrier = 'grpc';
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  bytesSent = 0;
  bytesReceived = 0;

  readonly #http2: ServerHttp2Stream;
  /** Kept, for the stream forgets it before it closes. */
  readonly #session: Http2Session | undefined;
  readonly #context: DirectStreamContext;
  readonly #connection: number;
  readonly #reader: MessageReader;
  readonly #framing: Framing;
  #receiver: StreamReceiver | undefined;
  #state: State = 'starting';
  #responded = false;
  #status: CallStatus | undefined;
  #statusSent = false;
  #wasReset = false;
  #paused = false;
  /** HTTP/2 was told to bring no more. */
  #stopped = false;
  /** What has come is taken in at the end of this turn. */
  #arriving = false;
  /** The last read of the connection that brought something, and how many frames that were. */
  #read = -1;
  #frames = 1;
  #pumping = false;
  /** The client has half-closed; what it sent before may still wait in the reader. */
  #inputEnded = false;
  /** Nothing more goes to the receiver: all was handed over, or it can't be read, or the stream ends. */
  #inputDone = false;
  /** What HTTP/2 has not been given yet; undefined when that is nothing. */
  #waiting: PieceQueue | undefined;
  /** `bytesInFlight` when it was last known to rise or fall. */
  #lastInFlight = 0;
  /** What the account holds of it. */
  #countedInFlight = 0;
  #deadline: { cancel(): void } | undefined;

  constructor(http2: ServerHttp2Stream, call: DirectCall, context: DirectStreamContext) {
    this.#http2 = http2;
    this.#session = http2.session;
    this.#context = context;
    this.#connection = context.reads.connectionOf(http2.session);
    this.method = call.method;
    this.peer = call.peer;
    this.metadata = call.metadata;
    this.#framing = RESPONSE_FRAMING[call.method];
    this.#reader = new MessageReader(
      REQUEST_FRAMING[call.method],
      call.encoding,
      context.maxMessageBytes,
      this.#pump,
      context.account,
    );
    if (call.timeoutMs !== undefined) {
      this.#deadline = new Deadline(context.clock, call.timeoutMs, this.#onDeadline);
    }
    http2.on('close', this.#onHttp2Close);
  }

  get bytesInFlight(): number {
    return this.#state === 'closed' ? 0 : this.#unwritten;
  }

  get bytesHeld(): number {
    return this.#reader.heldBytes;
  }

  get certificate(): ClientCertificate | undefined {
    return connectionCertificateOf(this.#session);
  }

  get connectionDeadline(): number | undefined {
    return connectionDeadlineOf(this.#session);
  }

  /** Finds the stream its receiver, answers the call and begins to read. Called once. */
  accept(acceptor: StreamAcceptor): void {
    const http2 = this.#http2;
    try {
      this.#receiver = acceptor(this);
    } catch (error) {
      this.#fault(error);
    }
    if (this.#state === 'starting') this.#state = 'open';
    if (http2.closed || http2.destroyed) return;
    if (this.#status !== undefined && !this.#responded) {
      const headers = { ...RESPONSE_HEADERS, ...trailersOf(this.#status) };
      answerNextTurn(http2, this.#context.clock, headers, () => {
        this.#statusSent = true;
      });
      return;
    }
    this.#respond();
    if (this.#state !== 'open') return;
    http2.pause();
    http2.push = this.#onPush;
    // A Node that brings it another way brings it here.
    http2.on('data', this.#onPush);
    http2.on('end', this.#onEnd);
    this.#paused = true;
    // What has come before us comes before the rest.
    if (http2.readableLength > 0) http2.read();
    this.#pump();
  }

  send(messages: readonly DataMessage[]): void {
    const http2 = this.#http2;
    if (messages.length === 0 || (this.#state !== 'open' && this.#state !== 'starting')) return;
    if (http2.closed || http2.destroyed) return;
    this.#respond();
    const inFlight = this.#unwritten;
    if (hasLargePayload(messages)) {
      this.#sendLarge(messages, inFlight);
      return;
    }
    let chunk: Buffer;
    try {
      chunk = this.#context.writer.frame(this.#framing, messages, inFlight > BACKED_UP_BYTES);
    } catch (error) {
      this.#fault(error);
      return;
    }
    this.#noteSent(inFlight, chunk.length);
    if (this.#lastInFlight <= MAX_HANDED_BYTES && this.#waiting === undefined) this.#hand(chunk);
    else this.#queue([chunk]);
  }

  resume(): void {
    if (this.#paused) this.#pump();
  }

  end(error?: SluiceError): void {
    if (this.#state !== 'open' && this.#state !== 'starting') return;
    this.#endWith(statusOf(error));
  }

  reset(): void {
    if (this.#state === 'closed') return;
    this.#stopReading();
    this.#state = 'ending';
    this.#wasReset = true;
    this.#waiting = undefined;
    resetStream(this.#http2);
    // HTTP/2 tells of the close only when the frame is out, which a stuck socket may put off for ever.
    this.#context.clock.setImmediate(() => {
      this.#http2.destroy();
      this.#close('reset');
    });
  }

  #respond(): void {
    if (this.#responded) return;
    this.#responded = true;
    this.#http2.respond(RESPONSE_HEADERS, { waitForTrailers: true });
  }

  #endWith(status: CallStatus): void {
    const starting = this.#state === 'starting';
    this.#state = 'ending';
    this.#status = status;
    this.#stopReading();
    // Nothing sent yet: `accept` answers with the status alone.
    if (starting && !this.#responded) return;
    this.#http2.once('wantTrailers', this.#onWantTrailers);
    if (this.#waiting === undefined) this.#http2.end();
  }

  /** What was sent and has not left, here and in HTTP/2. */
  get #unwritten(): number {
    const { writableLength } = this.#http2;
    return this.#waiting === undefined ? writableLength : writableLength + this.#waiting.bytes;
  }

  #noteInFlight(bytes: number): void {
    this.#lastInFlight = bytes;
    // What is out within its turn is not worth counting.
    const counted = bytes > BACKED_UP_BYTES ? bytes : 0;
    if (counted === this.#countedInFlight) return;
    this.#context.account?.add(counted - this.#countedInFlight);
    this.#countedInFlight = counted;
  }

  #noteSent(inFlight: number, bytes: number): void {
    this.bytesSent += bytes;
    this.#noteInFlight(inFlight + bytes);
  }

  #queue(chunks: readonly Buffer[]): void {
    this.#waiting ??= new PieceQueue();
    for (const chunk of chunks) this.#waiting.push(chunk);
    if (this.#http2.writableLength === 0) this.#handPiece(this.#waiting);
  }

  /** Piece by piece, whatever they come to: a head and the payload behind it go together. */
  #sendLarge(messages: readonly DataMessage[], inFlight: number): void {
    let chunks: readonly Buffer[];
    try {
      chunks = framesAround(this.#framing, messages, this.#context.maxMessageBytes);
    } catch (error) {
      this.#fault(error);
      return;
    }
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.#noteSent(inFlight, bytes);
    this.#queue(chunks);
  }

  /** The next comes when this one is out; the end, behind the last. */
  #handPiece(waiting: PieceQueue): void {
    // What makes one piece goes as one.
    this.#http2.cork();
    waiting.take(this.#hand);
    this.#http2.uncork();
    if (waiting.bytes > 0) return;
    this.#waiting = undefined;
    if (this.#status !== undefined) this.#http2.end();
  }

  readonly #hand = (chunk: Uint8Array): void => {
    this.#http2.write(chunk, this.#onChunkWritten);
  };

  /** Flow control has let everything out that was sent. */
  readonly #onWantTrailers = (): void => {
    if (this.#http2.closed || this.#http2.destroyed) return;
    this.#statusSent = true;
    this.#http2.sendTrailers(trailersOf(this.#status ?? OK_STATUS));
    closeOnceSent(this.#http2, this.#context.clock);
  };

  /** In place of `Readable.push`, and with its contract: false asks HTTP/2 to bring no more. */
  readonly #onPush = (chunk: Buffer | null): boolean => {
    // What Node does behind the end (telling of it, closing the stream) stays Node's.
    if (chunk === null) return Readable.prototype.push.call(this.#http2, null);
    this.bytesReceived += chunk.length;
    if (this.#inputDone) return true;
    this.#reader.push(chunk);
    this.#noteFrame(this.#context);
    if (this.#paused || this.#reader.pushedBytes >= MAX_ARRIVED_BYTES) this.#stopped = true;
    return !this.#stopped;
  };

  /**
   * A stream that is brought one frame at a time has nothing to wait for: it is
   * taken in and answered at once, while all that belongs to it is in the
   * processor's caches. With thousands of streams that is half of what it costs.
   */
  #noteFrame({ turn, reads }: DirectStreamContext): void {
    // Whoever makes room, or has inflated, goes on with it.
    if (this.#paused) {
      this.#reader.count();
      return;
    }
    const read = reads.next(this.#connection);
    if (read === this.#read) {
      this.#frames += 1;
    } else {
      const atOnce = this.#frames === 1 && !this.#arriving && !this.#pumping;
      this.#read = read;
      this.#frames = 1;
      if (atOnce) {
        const { scheduled } = turn;
        this.#pump();
        // Its answer, most often. What goes to many waits for what else this turn has for them.
        if (turn.scheduled === scheduled + 1) turn.flushLast();
        return;
      }
    }
    if (this.#arriving) return;
    this.#arriving = true;
    turn.arrived(this);
  }

  takeIn(): void {
    if (!this.#arriving) return;
    this.#arriving = false;
    if (!this.#paused) this.#pump();
    if (this.#stopped && !this.#paused) this.#goOn();
  }

  readonly #onEnd = (): void => {
    // Clients of Node half-close when they cancel, and reset right behind it: look once more before believing it.
    this.#context.clock.setImmediate(() => {
      if (this.#http2.closed) return;
      this.#inputEnded = true;
      if (!this.#paused) this.#pump();
    });
  };

  /** Hands over what there is and room for; a loop, for `resume` may be called from within. */
  readonly #pump = (): void => {
    const receiver = this.#receiver;
    if (this.#pumping || receiver === undefined) return;
    this.#pumping = true;
    const batch = spareBatch ?? [];
    spareBatch = undefined;
    try {
      this.#deliver(receiver, batch);
    } catch (error) {
      this.#fault(error);
    }
    batch.length = 0;
    spareBatch = batch;
    this.#pumping = false;
  };

  #deliver(receiver: StreamReceiver, batch: DataMessage[]): void {
    while (!this.#inputDone) {
      const { room } = receiver;
      if (room <= 0) {
        this.#reader.count();
        this.#pause();
        return;
      }
      const outcome = this.#reader.fill(batch, room);
      if (batch.length > 0) {
        receiver.onMessages(batch);
        batch.length = 0;
        if (this.#readsNoMore()) return;
      }
      if (outcome === 'full') continue;
      if (outcome instanceof SluiceError) {
        this.#refuse(receiver, outcome);
      } else if (outcome === 'inflating') {
        this.#pause();
      } else if (!this.#inputEnded) {
        if (receiver.room > 0) this.#flow();
        else this.#pause();
      } else this.#allCame(receiver);
      return;
    }
  }

  #allCame(receiver: StreamReceiver): void {
    const { incomplete } = this.#reader;
    if (incomplete !== undefined) {
      this.#refuse(receiver, incomplete);
      return;
    }
    this.#inputDone = true;
    receiver.onHalfClose();
  }

  /** Asked anew after the receiver was called: it may have ended the stream. */
  #readsNoMore(): boolean {
    return this.#inputDone;
  }

  #refuse(receiver: StreamReceiver, error: SluiceError): void {
    this.#stopReading();
    receiver.onInvalid(error);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    // Pausing stops HTTP/2 by itself, but resuming does not start it again: the Readable believes that it reads.
    this.#stopped = true;
    this.#http2.pause();
  }

  #flow(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#http2.resume();
    if (this.#stopped) this.#goOn();
  }

  /** What `Readable.read` does once its queue has room again. */
  #goOn(): void {
    this.#stopped = false;
    this.#http2._read(0);
  }

  /** Lets what still arrives flow away unread. */
  #stopReading(): void {
    this.#inputDone = true;
    this.#reader.clear();
    this.#flow();
  }

  readonly #onChunkWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return;
    // Also when a deadline has closed it: its status waits behind what was sent.
    if (this.#waiting !== undefined && this.#http2.writableLength === 0) this.#handPiece(this.#waiting);
    if (this.#state === 'closed') return;
    const inFlight = this.#unwritten;
    // Several chunks that left together are one fall.
    if (inFlight >= this.#lastInFlight) return;
    this.#noteInFlight(inFlight);
    try {
      this.#receiver?.onWritten();
    } catch (fault) {
      this.#fault(fault);
    }
  };

  readonly #onDeadline = (): void => {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') {
      this.#endWith(DEADLINE_STATUS);
      this.#deadline = this.#context.clock.setTimeout(() => {
        resetStream(this.#http2);
      }, DEADLINE_FLUSH_MS);
    } else {
      resetStream(this.#http2);
    }
    this.#close('deadline');
  };

  readonly #onHttp2Close = (): void => {
    this.#deadline?.cancel();
    // What came before the end came.
    this.takeIn();
    this.#waiting = undefined;
    if (this.#wasReset) this.#close('reset');
    else if (this.#statusSent) this.#close('ended');
    else this.#close(isGone(this.#session) ? 'lost' : 'cancelled');
  };

  /** The first call wins. */
  #close(close: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#noteInFlight(0);
    this.#inputDone = true;
    this.#reader.clear();
    const receiver = this.#receiver;
    this.#receiver = undefined;
    try {
      receiver?.onClose(close);
    } catch (error) {
      this.#context.onFault(error);
    }
  }

  /** A receiver must not throw; if one does, its stream pays, not the connection. */
  #fault(error: unknown): void {
    this.#context.onFault(error);
    this.end(receiverFault());
  }
}

function isGone(session: Http2Session | undefined): boolean {
  return session === undefined || session.destroyed;
}

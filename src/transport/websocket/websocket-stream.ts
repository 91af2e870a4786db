import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import type { SluiceError } from '../../core/errors.js';
import type { Turn } from '../../core/turn.js';
import { HeldBytes, type BufferAccount } from '../../flow/held-bytes.js';
import { controlMessage, MessageType, type DataMessage } from '../../wire/messages.js';
import { BodyReader, type BodyReading } from '../bodies.js';
import type {
  ServedMethod,
  StreamAcceptor,
  StreamClose,
  StreamReceiver,
  TransportStream,
} from '../contract.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { receiverFault } from '../stream-errors.js';
import { closeReason, NORMAL_CLOSE } from './close-frame.js';
import { FrameQueue } from './frame-queue.js';
import type { FrameWriter } from './frame-writer.js';
import { JsonBodies } from './json-bodies.js';
import { PartialMessage, PIECE_OVERHEAD_BYTES } from './partial-message.js';
import type { QuietWebSocket } from './quiet-websocket.js';
import type { Subprotocol } from './subprotocols.js';
import {
  inTooManyPieces,
  refused,
  spokeOn,
  unreadableFrame,
  wrongKind,
  type Unreadable,
} from './unreadable.js';

/** Above this many unwritten bytes a connection gets chunks of its own instead of parts of shared slabs. */
const BACKED_UP_BYTES = 8 * 1024;
/** More than this is not given to the socket at once: it would tell of it only when all of it has left. */
const MAX_HANDED_BYTES = 128 * 1024;
/**
 * After so much was read of one connection the others have their turn: the
 * platform would read two mebibytes of each at once, and nobody would be heard,
 * nor the memory's budget looked at, before all that is unmasked.
 */
const MAX_READ_AT_ONCE_BYTES = 64 * 1024;
/** How long the peer may take to read why it was ended, where what it holds is wanted back. */
const OVERLOADED_CLOSE_MS = 1_000;
/** What is held of a message that is not complete: beyond the largest there is, for its frames and what comes between them. */
const MAX_BETWEEN_BYTES = 1024 * 1024;

/** What a WebSocket shares with all others of its server. */
export interface WebSocketContext {
  readonly account: BufferAccount | undefined;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** How long the peer may take to answer a Close, with what was sent before it. */
  readonly closeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly turn: Turn;
  readonly writer: FrameWriter;
  readonly onFault: (error: unknown) => void;
  /** Its socket is closed; nothing is left of it. */
  readonly onGone: (stream: WebSocketStream) => void;
}

/** What the upgrade request said. */
export interface WebSocketCall {
  readonly method: ServedMethod;
  readonly subprotocol: Subprotocol;
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly certificate: ClientCertificate | undefined;
}

/**
 * The array `onMessages` gets, lent to one stream at a time. A stream whose
 * receiver wakes another from within `onMessages` finds it gone and makes one.
 */
let spareBatch: DataMessage[] | undefined;

/**
 * - `open`
 * - `ending`: a Close is behind what was sent; reading has stopped
 * - `closed`: the receiver has been told; nothing more is called
 */
type State = 'open' | 'ending' | 'closed';

/**
 * One stream on a WebSocket of its own. The library reads: it knows frames,
 * masks and the closing handshake. What goes out is framed here, many messages
 * in one write, and given to the socket between the frames of the library.
 */
export class WebSocketStream implements TransportStream {
  readonly method: ServedMethod;
  readonly carrier = 'websocket';
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly certificate: ClientCertificate | undefined;
  bytesSent = 0;
  bytesReceived = 0;

  readonly #ws: QuietWebSocket;
  readonly #socket: Duplex;
  readonly #subprotocol: Subprotocol;
  readonly #context: WebSocketContext;
  readonly #held: HeldBytes;
  readonly #partial = new PartialMessage();
  /** Made with the first message: most connections are quiet. */
  #bodies: BodyReading | undefined;
  #receiver: StreamReceiver | undefined;
  #state: State = 'open';
  #accepted = false;
  #wasReset = false;
  #paused = false;
  /** It has read enough for this turn. */
  #resting = false;
  #readSinceRest = 0;
  #pumping = false;
  /** The client has half-closed, and the receiver knows. */
  #inputEnded = false;
  /** Nothing more goes to the receiver: it can't be read, or the stream ends. */
  #inputDone = false;
  /** Behind the messages that are held. */
  #unreadable: Unreadable | undefined;
  /** What the receiver was told: the Close bears its code. */
  #refused: Unreadable | undefined;
  /** Goes when all is out that was sent. */
  #close: { readonly code: number; readonly reason: string } | undefined;
  /** What the socket has not been given yet; undefined when that is nothing. */
  #waiting: FrameQueue | undefined;
  /**
   * Chunks that the socket was given and has not told of yet. Its own length
   * says more: pongs of the library are in it, and nobody tells of them.
   */
  #handed = 0;
  /** `bytesInFlight` when it was last known to rise or fall. */
  #lastInFlight = 0;
  /** What the account holds of it. */
  #countedInFlight = 0;
  #closeTimer: Timer | undefined;
  #lastPing: number;
  /** Since when a ping waits for anything at all; undefined where none does. */
  #pingedAt: number | undefined;
  #heardSince = true;

  /** `ws` has just been opened on `socket`. */
  constructor(ws: QuietWebSocket, socket: Duplex, call: WebSocketCall, context: WebSocketContext) {
    this.#ws = ws;
    this.#socket = socket;
    this.#context = context;
    this.#held = new HeldBytes(context.account);
    this.#lastPing = context.clock.now();
    this.#subprotocol = call.subprotocol;
    this.method = call.method;
    this.peer = call.peer;
    this.metadata = call.metadata;
    this.certificate = call.certificate;
    ws.on('message', this.#onMessage);
    ws.on('ping', this.#onControlFrame);
    ws.on('pong', this.#onControlFrame);
    ws.on('error', this.#onError);
    ws.on('close', this.#onClosed);
    // Behind the library's own: what a piece brought has been parsed then.
    socket.on('data', this.#onRead);
  }

  get bytesInFlight(): number {
    return this.#state === 'closed' ? 0 : this.#unwritten;
  }

  get bytesHeld(): number {
    return this.#held.counted;
  }

  /** Finds the stream its receiver and begins to read. Called once. */
  accept(acceptor: StreamAcceptor): void {
    try {
      this.#receiver = acceptor(this);
    } catch (error) {
      this.#fault(error);
    }
    this.#accepted = true;
    this.#pump();
  }

  send(messages: readonly DataMessage[]): void {
    if (messages.length === 0 || this.#state !== 'open' || !this.#isOpen) return;
    this.#write(messages);
  }

  resume(): void {
    if (this.#paused) this.#pump();
  }

  end(error?: SluiceError): void {
    if (this.#state !== 'open') return;
    if (error === undefined) this.#endWith(NORMAL_CLOSE, '');
    else {
      if (this.#isOpen && TELLS_ERRORS.has(RESPONSE_FRAMING[this.method])) this.#write([lastWords(error)]);
      const own = this.#refused?.error === error ? this.#refused.closeCode : undefined;
      this.#endWith(own ?? error.entry.webSocketClose, closeReason(error));
      if (error.code === 'OVERLOADED') this.#holdNoMore();
    }
  }

  reset(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#wasReset = true;
    this.#waiting = undefined;
    this.#stopReading();
    this.#ws.terminate();
    // Not from within what its owner calls.
    this.#context.clock.setImmediate(() => {
      this.#tell('reset');
    });
  }

  /**
   * Pings where that is due, and gives up a peer that has let one go
   * unanswered: anything that comes is an answer. Called again and again.
   */
  checkLife(now: number): void {
    if (this.#state !== 'open') return;
    if (this.#paused) {
      // What it answers is not read.
      this.#pingedAt = undefined;
      this.#lastPing = now;
      return;
    }
    const { pingIntervalMs, pongTimeoutMs } = this.#context;
    if (this.#pingedAt !== undefined) {
      if (this.#heardSince) this.#pingedAt = undefined;
      else if (now - this.#pingedAt >= pongTimeoutMs) this.#ws.terminate();
      return;
    }
    // Behind what the peer has not taken a ping would say nothing: a send that stalls has a limit of its own.
    if (now - this.#lastPing < pingIntervalMs || this.#unwritten > 0 || !this.#isOpen) return;
    this.#lastPing = now;
    this.#pingedAt = now;
    this.#heardSince = false;
    this.#ws.ping();
  }

  /** Ends it now, whoever waits for what. */
  destroy(): void {
    this.#ws.terminate();
  }

  /** Neither side has sent a Close. */
  get #isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** What was sent and has not left, here and in the socket. */
  get #unwritten(): number {
    // Pongs among it count, by themselves they do not: nobody would tell when they are out.
    const given = this.#handed === 0 ? 0 : this.#socket.writableLength;
    return this.#waiting === undefined ? given : given + this.#waiting.bytes;
  }

  #write(messages: readonly DataMessage[]): void {
    const inFlight = this.#unwritten;
    let chunks: readonly Buffer[];
    try {
      const { writer } = this.#context;
      chunks = writer.frames(this.#subprotocol, this.method, messages, inFlight > BACKED_UP_BYTES);
    } catch (error) {
      this.#fault(error);
      return;
    }
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.bytesSent += bytes;
    this.#noteInFlight(inFlight + bytes);
    const [first] = chunks;
    if (chunks.length === 1 && this.#lastInFlight <= MAX_HANDED_BYTES && this.#waiting === undefined) {
      this.#hand(first as Buffer);
      return;
    }
    this.#waiting ??= new FrameQueue();
    for (const chunk of chunks) this.#waiting.push(chunk);
    if (this.#handed === 0) this.#handPiece(this.#waiting);
  }

  /** The next comes when this one is out; the Close, behind the last. */
  #handPiece(waiting: FrameQueue): void {
    this.#socket.cork();
    waiting.take(this.#hand);
    this.#socket.uncork();
    if (waiting.bytes > 0) return;
    this.#waiting = undefined;
    this.#sendClose();
  }

  readonly #hand = (chunk: Buffer): void => {
    this.#handed += 1;
    this.#socket.write(chunk, this.#onChunkWritten);
  };

  #noteInFlight(bytes: number): void {
    this.#lastInFlight = bytes;
    // What is out within its turn is not worth counting.
    const counted = bytes > BACKED_UP_BYTES ? bytes : 0;
    if (counted === this.#countedInFlight) return;
    this.#context.account?.add(counted - this.#countedInFlight);
    this.#countedInFlight = counted;
  }

  readonly #onChunkWritten = (error?: Error | null): void => {
    this.#handed -= 1;
    if (error !== undefined && error !== null) return;
    if (this.#waiting !== undefined && this.#handed === 0 && this.#ws.readyState <= OPEN) {
      this.#handPiece(this.#waiting);
    }
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

  #endWith(code: number, reason: string): void {
    this.#state = 'ending';
    this.#close = { code, reason };
    this.#closeWithin(this.#context.closeTimeoutMs);
    this.#stopReading();
    if (this.#waiting === undefined) this.#sendClose();
  }

  #sendClose(): void {
    if (this.#close !== undefined && this.#isOpen) this.#ws.closeWith(this.#close.code, this.#close.reason);
  }

  #closeWithin(timeoutMs: number): void {
    this.#closeTimer ??= this.#context.clock.setTimeout(() => {
      this.#ws.terminate();
    }, timeoutMs);
  }

  readonly #onMessage = (body: Buffer, isBinary: boolean): void => {
    this.#partial.completed();
    if (this.#inputDone || this.#unreadable !== undefined) return;
    if (isBinary === (this.#subprotocol === 'sluice.v1.proto')) {
      this.#bodies ??= this.#newBodies();
      this.#bodies.push(body);
    } else this.#unreadable = wrongKind(this.#subprotocol, isBinary);
  };

  #newBodies(): BodyReading {
    return this.#subprotocol === 'sluice.v1.json'
      ? new JsonBodies(this.method)
      : new BodyReader(REQUEST_FRAMING[this.method]);
  }

  readonly #onControlFrame = (payload: Buffer): void => {
    this.#partial.control(payload.length);
  };

  /** A piece has come and has been parsed: what it brought is taken in and answered at once. */
  readonly #onRead = (piece: Buffer): void => {
    this.bytesReceived += piece.length;
    this.#heardSince = true;
    if (!this.#inputDone) this.#takeIn(piece.length);
    // The peer's Close: the library has answered it.
    if (this.#state === 'open' && !this.#isOpen) this.#left();
    this.#readSinceRest += piece.length;
    if (this.#readSinceRest >= MAX_READ_AT_ONCE_BYTES) this.#rest();
  };

  /** Until the next turn. */
  #rest(): void {
    this.#readSinceRest = 0;
    if (this.#resting) return;
    this.#resting = true;
    this.#ws.pause();
    this.#context.clock.setImmediate(() => {
      this.#resting = false;
      if (!this.#paused) this.#ws.resume();
    });
  }

  #takeIn(bytes: number): void {
    this.#partial.read(bytes);
    const { maxMessageBytes, turn } = this.#context;
    if (this.#partial.heldBytes > 2 * maxMessageBytes + MAX_BETWEEN_BYTES) {
      this.#unreadable ??= inTooManyPieces();
    }
    if (this.#paused) {
      this.#count();
      return;
    }
    const { scheduled } = turn;
    this.#pump();
    // Its answer, most often. What goes to many waits for what else this turn has for them.
    if (turn.scheduled === scheduled + 1) turn.flushLast();
  }

  #left(): void {
    this.#waiting = undefined;
    this.#closeWithin(this.#context.closeTimeoutMs);
    this.#tell('cancelled');
  }

  /** Hands over what there is and room for; a loop, for `resume` may be called from within. */
  #pump(): void {
    const receiver = this.#receiver;
    if (this.#pumping || receiver === undefined || !this.#accepted) return;
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
    this.#count();
  }

  #deliver(receiver: StreamReceiver, batch: DataMessage[]): void {
    while (!this.#inputDone) {
      const bodies = this.#bodies;
      const isEmpty = bodies === undefined || bodies.isEmpty;
      if (this.#inputEnded) {
        if (!isEmpty) this.#refuse(receiver, spokeOn());
        else if (this.#unreadable !== undefined) this.#refuse(receiver, this.#unreadable);
        else this.#flow();
        return;
      }
      const { room } = receiver;
      if (isEmpty) {
        if (room <= 0) this.#pause();
        else if (this.#unreadable !== undefined) this.#refuse(receiver, this.#unreadable);
        else this.#flow();
        return;
      }
      if (room <= 0) {
        this.#pause();
        return;
      }
      const unreadable = bodies.fill(batch, room);
      const spoken = this.#untilHalfClose(batch);
      const beyond = batch.length - spoken;
      batch.length = spoken;
      if (spoken > 0) {
        receiver.onMessages(batch);
        batch.length = 0;
        if (this.#readsNoMore()) return;
      }
      if (beyond > 1) this.#refuse(receiver, spokeOn());
      else if (unreadable !== undefined) this.#refuse(receiver, refused(unreadable));
      else if (beyond === 1 || REQUEST_FRAMING[this.method] === 'request') {
        this.#inputEnded = true;
        receiver.onHalfClose();
      }
    }
  }

  /** How many of them come before the one that says that there will be no more. */
  #untilHalfClose(messages: readonly DataMessage[]): number {
    for (let index = 0; index < messages.length; index += 1) {
      const { type, sessionId, control } = messages[index] as DataMessage;
      if (type === MessageType.CONTROL && sessionId === '' && control?.action === 'close') return index;
    }
    return messages.length;
  }

  /** Asked anew after the receiver was called: it may have ended the stream. */
  #readsNoMore(): boolean {
    return this.#inputDone;
  }

  #refuse(receiver: StreamReceiver, unreadable: Unreadable): void {
    this.#refused = unreadable;
    this.#stopReading();
    receiver.onInvalid(unreadable.error);
  }

  #count(): void {
    const bodies = this.#bodies;
    const ofBodies = bodies === undefined ? 0 : bodies.bytes + bodies.held * PIECE_OVERHEAD_BYTES;
    this.#held.set(this.#inputDone ? 0 : ofBodies + this.#partial.heldBytes);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#ws.pause();
  }

  #flow(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#resting) this.#ws.resume();
  }

  /** Lets what still arrives flow away unread: a Close may be behind it. */
  #stopReading(): void {
    this.#inputDone = true;
    this.#bodies?.clear();
    this.#bodies = undefined;
    this.#unreadable = undefined;
    this.#held.set(0);
    this.#flow();
  }

  /**
   * It ends for what it holds, and the library would go on gathering the message
   * that is under way, uncounted. It is given nothing any more, the peer's Close
   * neither: that is not waited for as long as else.
   */
  #holdNoMore(): void {
    this.#socket.removeAllListeners('data');
    this.#closeTimer?.cancel();
    this.#closeTimer = undefined;
    this.#closeWithin(Math.min(OVERLOADED_CLOSE_MS, this.#context.closeTimeoutMs));
  }

  /** What came breaks the rules, and the library reads no more. */
  readonly #onError = (error: Error): void => {
    if (this.#inputDone) return;
    this.#unreadable ??= unreadableFrame(error, this.#context.maxMessageBytes);
    if (!this.#paused) this.#pump();
  };

  /** The socket is closed. `code` is that of the peer's Close. */
  readonly #onClosed = (code: number): void => {
    this.#closeTimer?.cancel();
    this.#socket.off('data', this.#onRead);
    // What came before the end came.
    if (!this.#paused) this.#pump();
    if (this.#wasReset) this.#tell('reset');
    else if (this.#state === 'ending' && this.#isSaid(code)) this.#tell('ended');
    else this.#tell(code === NO_CLOSE ? 'lost' : 'cancelled');
    this.#context.onGone(this);
  };

  /** Whether the peer has answered our Close, or its network has taken it with all before it. */
  #isSaid(code: number): boolean {
    return this.#waiting === undefined && (code !== NO_CLOSE || this.#socket.writableLength === 0);
  }

  /** The first call wins. */
  #tell(close: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting = undefined;
    this.#noteInFlight(0);
    this.#stopReading();
    const receiver = this.#receiver;
    this.#receiver = undefined;
    try {
      receiver?.onClose(close);
    } catch (error) {
      this.#context.onFault(error);
    }
  }

  /** A receiver must not throw; if one does, its stream pays. */
  #fault(error: unknown): void {
    this.#context.onFault(error);
    this.end(receiverFault());
  }
}

/** `readyState`: connecting is 0, and what has been accepted is open at least. */
const OPEN = 1;
/** What the library says where no Close came (RFC 6455 section 7.1.5). */
const NO_CLOSE = 1006;

/** Answers that are DataMessages: an error goes ahead of the Close, whose reason is short. */
const TELLS_ERRORS: ReadonlySet<string> = new Set(['message', 'batch']);

function lastWords({ code, message, retryAfterMs }: SluiceError): DataMessage {
  return controlMessage({ action: 'error', code, message, sequence: 0, retryAfterMs: retryAfterMs ?? 0 });
}

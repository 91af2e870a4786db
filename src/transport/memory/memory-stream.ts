import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { type SluiceError } from '../../core/errors.js';
import type { DataMessage } from '../../wire/messages.js';
import { BodyReader, encodeBodies } from '../bodies.js';
import type {
  ServedMethod,
  StreamAcceptor,
  StreamClose,
  StreamReceiver,
  TransportStream,
} from '../contract.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { receiverFault, tooLarge } from '../stream-errors.js';

/** The client's side, as the stream speaks to it. */
export interface MemoryPeer {
  /** Takes one frame's body if it has room for it. */
  take(body: Uint8Array): boolean;
  /** The next frame's body the client sends, if there is one. */
  next(): Uint8Array | undefined;
  /** The client has half-closed: when `next` gives nothing, nothing more will come. */
  readonly halfClosed: boolean;
  over(close: StreamClose, error: SluiceError | undefined): void;
}

export interface MemoryCall {
  readonly method: ServedMethod;
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly certificate: ClientCertificate | undefined;
  readonly maxMessageBytes: number;
  readonly onFault: (error: unknown) => void;
}

type State = 'starting' | 'open' | 'ending' | 'closed';

/** The server's side of a memory connection. Everything happens in turns of the clock's `setImmediate`. */
export class MemoryStream implements TransportStream {
  readonly method: ServedMethod;
  readonly carrier = 'memory';
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly certificate: ClientCertificate | undefined;
  bytesInFlight = 0;
  bytesSent = 0;
  bytesReceived = 0;

  readonly #call: MemoryCall;
  readonly #clock: Clock;
  readonly #client: MemoryPeer;
  readonly #bodies: BodyReader;
  readonly #batch: DataMessage[] = [];
  #outgoing: Buffer[] = [];
  #receiver: StreamReceiver | undefined;
  #state: State = 'starting';
  #inputDone = false;
  #endError: SluiceError | undefined;
  /** Set when the stream must close in the next turn, whatever is under way. */
  #closing: StreamClose | undefined;
  #turnQueued = false;

  constructor(call: MemoryCall, clock: Clock, client: MemoryPeer, acceptor: StreamAcceptor) {
    this.#call = call;
    this.#clock = clock;
    this.#client = client;
    this.#bodies = new BodyReader(REQUEST_FRAMING[call.method]);
    this.method = call.method;
    this.peer = call.peer;
    this.metadata = call.metadata;
    this.certificate = call.certificate;
    clock.setImmediate(() => {
      this.#accept(acceptor);
    });
  }

  send(messages: readonly DataMessage[]): void {
    if (this.#state !== 'open' && this.#state !== 'starting') return;
    for (const body of encodeBodies(RESPONSE_FRAMING[this.method], messages, this.#call.maxMessageBytes)) {
      this.bytesInFlight += body.length;
      this.bytesSent += body.length;
      this.#outgoing.push(body);
    }
    this.wake();
  }

  resume(): void {
    this.wake();
  }

  end(error?: SluiceError): void {
    if (this.#state !== 'open' && this.#state !== 'starting') return;
    this.#state = 'ending';
    this.#endError = error;
    this.#stopReading();
    this.wake();
  }

  reset(): void {
    this.closeSoon('reset');
  }

  /** Something of the client's side has changed: look at it in the next turn. */
  wake(): void {
    if (this.#turnQueued || this.#state === 'closed') return;
    this.#turnQueued = true;
    this.#clock.setImmediate(() => {
      this.#turnQueued = false;
      this.#turn();
    });
  }

  /** Closes in the next turn, dropping what is under way. The first reason wins. */
  closeSoon(close: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#closing ??= close;
    this.#stopReading();
    this.wake();
  }

  #accept(acceptor: StreamAcceptor): void {
    // The client may have left, or its deadline passed, before this turn.
    if (this.#state !== 'starting') return;
    try {
      this.#receiver = acceptor(this);
    } catch (error) {
      this.#fault(error);
    }
    this.#openIfStarting();
    this.#turn();
  }

  /** Unless the acceptor has ended the stream. */
  #openIfStarting(): void {
    if (this.#state === 'starting') this.#state = 'open';
  }

  #turn(): void {
    if (this.#state === 'starting' || this.#state === 'closed') return;
    if (this.#closing !== undefined) {
      this.#close(this.#closing);
      return;
    }
    const receiver = this.#receiver;
    try {
      if (this.#carryDown()) receiver?.onWritten();
      if (receiver !== undefined) this.#carryUp(receiver);
    } catch (error) {
      this.#fault(error);
    }
    this.#endIfCarried();
  }

  #endIfCarried(): void {
    if (this.#state !== 'ending' || this.#closing !== undefined) return;
    if (this.#outgoing.length === 0) this.#close('ended');
  }

  /** What the client has room for; true when that was anything. */
  #carryDown(): boolean {
    let carried = 0;
    for (const body of this.#outgoing) {
      if (!this.#client.take(body)) break;
      this.bytesInFlight -= body.length;
      carried += 1;
    }
    if (carried > 0) this.#outgoing = this.#outgoing.slice(carried);
    return carried > 0;
  }

  #carryUp(receiver: StreamReceiver): void {
    const batch = this.#batch;
    while (!this.#inputDone) {
      const { room } = receiver;
      if (room <= 0) return;
      let unreadable = this.#bodies.fill(batch, room);
      if (batch.length === 0 && unreadable === undefined) {
        const body = this.#client.next();
        if (body === undefined) {
          if (this.#client.halfClosed) this.#allCame(receiver);
          return;
        }
        this.bytesReceived += body.length;
        if (body.length <= this.#call.maxMessageBytes) {
          this.#bodies.push(body);
          continue;
        }
        unreadable = tooLarge(body.length, this.#call.maxMessageBytes);
      }
      if (batch.length > 0) {
        receiver.onMessages(batch);
        batch.length = 0;
      }
      if (unreadable !== undefined && this.#state === 'open') {
        this.#stopReading();
        receiver.onInvalid(unreadable);
      }
    }
  }

  #allCame(receiver: StreamReceiver): void {
    const { missing } = this.#bodies;
    this.#inputDone = true;
    if (missing === undefined) receiver.onHalfClose();
    else receiver.onInvalid(missing);
  }

  #stopReading(): void {
    this.#inputDone = true;
    this.#bodies.clear();
  }

  #close(close: StreamClose): void {
    this.#state = 'closed';
    this.#stopReading();
    this.#outgoing = [];
    this.bytesInFlight = 0;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#client.over(close, this.#endError);
    try {
      receiver?.onClose(close);
    } catch (error) {
      this.#call.onFault(error);
    }
  }

  #fault(error: unknown): void {
    this.#call.onFault(error);
    this.end(receiverFault());
  }
}

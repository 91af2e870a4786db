import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientCertificate } from '../core/credentials.js';
import type { SluiceError } from '../core/errors.js';
import type {
  ServedMethod,
  StreamAcceptor,
  StreamClose,
  StreamReceiver,
  TransportStream,
} from '../transport/contract.js';
import type { DataMessage } from '../wire/messages.js';
import type { Peer } from './caller.js';

export interface RequestStreamOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * One request of HTTP as the gateway's streams are: who asks, what was asked,
 * and the end, which is the response's. What is sent and how is the kind's.
 */
export abstract class RequestStream implements TransportStream {
  abstract readonly method: ServedMethod;
  readonly carrier = 'http';
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly certificate: ClientCertificate | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  protected readonly request: IncomingMessage;
  protected readonly response: ServerResponse;
  /** Undefined until it is accepted, and once it is over. */
  protected receiver: StreamReceiver | undefined;
  /** `end` was called, or all is over. */
  protected isEnding = false;
  #isClosed = false;
  #wasReset = false;

  constructor({ request, response, peer, metadata }: RequestStreamOptions) {
    this.request = request;
    this.response = response;
    this.peer = peer.peer;
    this.certificate = peer.certificate;
    this.metadata = metadata;
  }

  abstract get bytesInFlight(): number;

  /** Once. */
  begin(accept: StreamAcceptor): void {
    this.response.once('close', () => {
      this.#close();
    });
    // A connection that breaks is nobody's fault; 'close' follows.
    this.response.on('error', ignoreError);
    this.request.on('error', ignoreError);
    this.receiver = accept(this);
    this.advance();
  }

  abstract send(messages: readonly DataMessage[]): void;

  resume(): void {
    this.advance();
  }

  end(error?: SluiceError): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.finish(error);
  }

  reset(): void {
    if (this.#isClosed) return;
    this.isEnding = true;
    this.#wasReset = true;
    this.request.socket.destroy();
  }

  /** The receiver may have room: hand over what waits. Called from outside the receiver, or by its `resume`. */
  protected abstract advance(): void;
  /** Ends the response, once all that was sent is written. */
  protected abstract finish(error: SluiceError | undefined): void;
  /** It is over: nothing is held any more. */
  protected abstract release(): void;

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.isEnding = true;
    this.release();
    const { receiver } = this;
    this.receiver = undefined;
    receiver?.onClose(this.#howItClosed());
  }

  /** A client of HTTP/1.1 has no other way to cancel than to close its connection, in an orderly way. */
  #howItClosed(): StreamClose {
    if (this.#wasReset) return 'reset';
    if (this.response.writableFinished) return 'ended';
    return this.request.socket.readableEnded ? 'cancelled' : 'lost';
  }
}

function ignoreError(): void {
  // Handled by 'close'.
}

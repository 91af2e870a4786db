import type { Http2Session, ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2';
import type { Clock } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { GrpcStatus } from '../../core/errors.js';
import type { StreamClose } from '../contract.js';
import type {
  ProxiedReceiver,
  ProxiedStream,
  ProxyAcceptor,
  RelayedEnd,
  RelayedHeaders,
} from '../proxy-contract.js';
import { answerNextTurn, closeOnceSent } from './close-once-sent.js';
import { connectionDeadlineOf } from './connection-age.js';
import { connectionCertificateOf } from './connection-certificate.js';
import { Deadline } from './deadline.js';
import { asBuffer } from './channel-relay.js';
import { Http2Inlet } from './http2-inlet.js';
import { Http2Outlet } from './http2-outlet.js';
import { resetStream } from './own-resets.js';
import { outgoing, outgoingEnd } from './relayed-headers.js';
import { DEADLINE_FLUSH_MS } from './stream-options.js';
import { DEADLINE_STATUS } from './trailers.js';

/** What the request headers said. */
interface ProxiedRequest {
  readonly path: string;
  readonly peer: string;
  readonly headers: RelayedHeaders;
  readonly contentType: string;
  readonly timeoutMs: number | undefined;
}

/** Node adds a date, which clients of gRPC take for metadata; its types don't know the option. */
const NO_DATE = { waitForTrailers: true, sendDate: false } as ServerStreamResponseOptions;

const DEADLINE_END: RelayedEnd = {
  status: DEADLINE_STATUS.code,
  message: DEADLINE_STATUS.message,
  trailers: [],
};
const FAULT_END: RelayedEnd = {
  status: GrpcStatus.INTERNAL,
  message: 'The gateway failed on this call; its log says more.',
  trailers: [],
};

/**
 * - `open`
 * - `ending`: the status is behind what was sent; nothing is read any more
 * - `closed`: the receiver has been told; nothing more is called
 */
type State = 'open' | 'ending' | 'closed';

/** One call of somebody else's service, straight on its HTTP/2 stream. */
export class Http2ProxiedStream implements ProxiedStream {
  readonly path: string;
  readonly peer: string;
  readonly headers: RelayedHeaders;
  readonly contentType: string;
  readonly deadlineAtMs: number | undefined;
  readonly #http2: ServerHttp2Stream;
  /** Kept, for the stream forgets it before it closes. */
  readonly #session: Http2Session | undefined;
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  readonly #inlet: Http2Inlet;
  readonly #outlet: Http2Outlet;
  #receiver: ProxiedReceiver | undefined;
  #state: State = 'open';
  #responded = false;
  #end: RelayedEnd | undefined;
  #statusSent = false;
  #wasReset = false;
  #deadline: { cancel(): void } | undefined;

  constructor(
    http2: ServerHttp2Stream,
    request: ProxiedRequest,
    clock: Clock,
    onFault: (error: unknown) => void,
  ) {
    this.path = request.path;
    this.peer = request.peer;
    this.headers = request.headers;
    this.contentType = request.contentType;
    this.#http2 = http2;
    this.#session = http2.session;
    this.#clock = clock;
    this.#onFault = onFault;
    if (request.timeoutMs !== undefined) {
      this.deadlineAtMs = clock.now() + request.timeoutMs;
      this.#deadline = new Deadline(clock, request.timeoutMs, this.#onDeadline);
    }
    this.#inlet = new Http2Inlet(http2, {
      onChunk: (chunk) => {
        this.#tell((receiver) => {
          receiver.onChunk(chunk);
        });
      },
      onHeld: () => {
        this.#tell((receiver) => {
          receiver.onHeld();
        });
      },
      onEnd: this.#onInputEnd,
    });
    this.#outlet = new Http2Outlet(http2, () => {
      // Also what is written behind the end is told of: it is how its owner knows what is held.
      this.#tell((receiver) => {
        receiver.onWritten();
      });
    });
    http2.on('close', this.#onHttp2Close);
  }

  get certificate(): ClientCertificate | undefined {
    return connectionCertificateOf(this.#session);
  }

  get connectionDeadline(): number | undefined {
    return connectionDeadlineOf(this.#session);
  }

  get bytesInFlight(): number {
    return this.#state === 'closed' ? 0 : this.#outlet.bytesInFlight;
  }

  get bytesHeld(): number {
    return this.#inlet.heldBytes;
  }

  /** Finds the call its receiver. Called once. */
  accept(acceptor: ProxyAcceptor): void {
    try {
      this.#receiver = acceptor.accept(this);
    } catch (error) {
      this.#fault(error);
    }
  }

  respond(headers: RelayedHeaders): void {
    if (this.#responded || this.#state !== 'open' || this.#isGone) return;
    this.#responded = true;
    try {
      this.#http2.respond(
        { ':status': 200, 'content-type': this.contentType, ...outgoing(headers) },
        NO_DATE,
      );
    } catch (error) {
      this.#responded = this.#http2.headersSent;
      this.#fault(error);
    }
  }

  send(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    // HTTP/2 would begin the answer by itself, and the end could not be told from a whole one's.
    this.respond([]);
    if (this.#responded) this.#outlet.send(asBuffer(chunk));
  }

  pause(): void {
    this.#inlet.pause();
  }

  resume(): void {
    this.#inlet.resume();
  }

  end(end: RelayedEnd): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#end = end;
    this.#inlet.ignore();
    if (this.#isGone) return;
    if (this.#responded) {
      this.#http2.once('wantTrailers', this.#onWantTrailers);
      this.#outlet.end();
      return;
    }
    const headers = { ':status': 200, 'content-type': this.contentType, ...outgoingEnd(end) };
    answerNextTurn(this.#http2, this.#clock, headers, () => {
      this.#statusSent = true;
    });
  }

  reset(): void {
    if (this.#state === 'closed' || this.#wasReset) return;
    this.#state = 'ending';
    this.#wasReset = true;
    this.#inlet.ignore();
    this.#outlet.clear();
    resetStream(this.#http2);
    // HTTP/2 tells of the close only when the frame is out, which a stuck socket may put off for ever.
    this.#clock.setImmediate(() => {
      this.#http2.destroy();
      this.#close('reset');
    });
  }

  get #isGone(): boolean {
    return this.#http2.closed || this.#http2.destroyed;
  }

  /** Flow control has let everything out that was sent. */
  readonly #onWantTrailers = (): void => {
    if (this.#isGone) return;
    this.#statusSent = true;
    this.#http2.sendTrailers(outgoingEnd(this.#end ?? FAULT_END));
    closeOnceSent(this.#http2, this.#clock);
  };

  readonly #onInputEnd = (): void => {
    // Clients of Node half-close when they cancel, and reset right behind it: look once more before believing it.
    this.#clock.setImmediate(() => {
      if (this.#isGone || this.#state !== 'open') return;
      this.#tell((receiver) => {
        receiver.onHalfClose();
      });
    });
  };

  readonly #onDeadline = (): void => {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') {
      this.end(DEADLINE_END);
      this.#deadline = this.#clock.setTimeout(() => {
        resetStream(this.#http2);
      }, DEADLINE_FLUSH_MS);
    } else resetStream(this.#http2);
    this.#close('deadline');
  };

  readonly #onHttp2Close = (): void => {
    this.#deadline?.cancel();
    this.#outlet.clear();
    this.#inlet.ignore();
    if (this.#wasReset) this.#close('reset');
    else if (this.#statusSent) this.#close('ended');
    else this.#close(this.#session?.destroyed === false ? 'cancelled' : 'lost');
  };

  /** The first call wins. */
  #close(close: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const receiver = this.#receiver;
    this.#receiver = undefined;
    try {
      receiver?.onClose(close);
    } catch (error) {
      this.#onFault(error);
    }
  }

  #tell(tell: (receiver: ProxiedReceiver) => void): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    try {
      tell(receiver);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** A receiver must not throw; if one does, its call pays, not the connection. */
  #fault(error: unknown): void {
    this.#onFault(error);
    this.end(FAULT_END);
  }
}

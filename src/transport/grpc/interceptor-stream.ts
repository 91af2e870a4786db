import type { Http2Session } from 'node:http2';
import { Metadata, type ServerInterceptingCallInterface, status as Status } from '@grpc/grpc-js';
import type { Timer } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { type SluiceError } from '../../core/errors.js';
import type { DataMessage } from '../../wire/messages.js';
import { BodyReader, encodeBodies } from '../bodies.js';
import type { ServedMethod, StreamClose, StreamReceiver, TransportStream } from '../contract.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { HeldBytes } from '../../flow/held-bytes.js';
import { receiverFault, truncated } from '../stream-errors.js';
import { connectionDeadlineOf } from './connection-age.js';
import { connectionCertificateOf } from './connection-certificate.js';
import { closeOnceSent } from './close-once-sent.js';
import { PREFIX_BYTES } from './frame-reader.js';
import { refusalOf } from './grpc-js-status.js';
import { type InnermostCall, innermostCall, type StatusObject } from './innermost-call.js';
import { resetStream } from './own-resets.js';
import { formatPeer } from '../net/socket-peer.js';
import { connectionPeerOf } from './connection-peer.js';
import { isTextMetadata } from './request-headers.js';
import { DEADLINE_FLUSH_MS, type StreamHandlerOptions } from './stream-options.js';
import { type CallStatus, DEADLINE_STATUS, statusOf } from './trailers.js';

/** A deadline this far in the past is one of more than 24 days that grpc-js let overflow. */
const OVERFLOWN_MS = 60_000;

type State = 'starting' | 'open' | 'ending' | 'closed';

/**
 * One gRPC stream on grpc-js's public interceptor API: reads one message at a
 * time and only while there is room; hands over at once what the same chunk
 * brought. Writes do not wait for each other, so that HTTP/2 joins them.
 */
export class InterceptorStream implements TransportStream {
  readonly method: ServedMethod;
  readonly carrier = 'grpc';
  peer: string;
  metadata: ReadonlyMap<string, string> = new Map();
  bytesInFlight = 0;
  bytesSent = 0;
  bytesReceived = 0;

  readonly #call: ServerInterceptingCallInterface;
  readonly #inner: InnermostCall | undefined;
  readonly #session: Http2Session | undefined;
  readonly #options: StreamHandlerOptions;
  readonly #sendStatus: (status: StatusObject) => void;
  readonly #startedAtMs: number;
  /** Messages not decoded yet: those of one chunk, or fewer. */
  readonly #bodies: BodyReader;
  readonly #held: HeldBytes;
  readonly #batch: DataMessage[] = [];
  #receiver: StreamReceiver | undefined;
  #state: State = 'starting';
  #reading = false;
  #pumping = false;
  #deliveryQueued = false;
  #inputEnded = false;
  #inputDone = false;
  /** Told to the receiver after what came before it. */
  #failure: SluiceError | undefined;
  #failureStatus: number | undefined;
  #trailersOnly = false;
  #wasReset = false;
  #flushTimer: Timer | undefined;

  constructor(method: ServedMethod, call: ServerInterceptingCallInterface, options: StreamHandlerOptions) {
    this.method = method;
    this.#call = call;
    this.#bodies = new BodyReader(REQUEST_FRAMING[method]);
    this.#held = new HeldBytes(options.account);
    this.#options = options;
    this.#inner = innermostCall(call);
    this.#session = this.#inner?.http2.session;
    this.#startedAtMs = options.clock.wallNow();
    this.#sendStatus =
      this.#inner?.takeStatuses(this.#onOwnStatus) ??
      ((status) => {
        call.sendStatus(status);
      });
    const { remoteAddress, remotePort } = call.getConnectionInfo();
    this.peer =
      this.#session === undefined ? formatPeer(remoteAddress, remotePort) : connectionPeerOf(this.#session);
  }

  /** Of whole messages: what grpc-js has gathered of the next it keeps to itself. */
  get bytesHeld(): number {
    return this.#held.counted;
  }

  get certificate(): ClientCertificate | undefined {
    return connectionCertificateOf(this.#session);
  }

  get connectionDeadline(): number | undefined {
    return connectionDeadlineOf(this.#session);
  }

  /** Begins the call; the acceptor is called from within. */
  start(): void {
    this.#call.start({
      onReceiveMetadata: (metadata: Metadata) => {
        this.#accept(metadata);
      },
      onReceiveMessage: (body: Buffer) => {
        this.#reading = false;
        // As inflated: what the network brought is grpc-js's secret.
        this.bytesReceived += body.length + PREFIX_BYTES;
        if (this.#inputDone) return;
        this.#bodies.push(body);
        this.#deliverSoon();
        this.#readMore();
      },
      onReceiveHalfClose: () => {
        // Clients of Node half-close when they cancel, and reset right behind it: look once more before believing it.
        this.#options.clock.setImmediate(() => {
          this.#onHalfClose();
        });
      },
      onCancel: () => {
        this.#onOver();
      },
    });
  }

  send(messages: readonly DataMessage[]): void {
    if (this.#state !== 'open' && this.#state !== 'starting') return;
    try {
      const { maxMessageBytes } = this.#options;
      const framing = RESPONSE_FRAMING[this.method];
      for (const body of encodeBodies(framing, messages, maxMessageBytes)) this.#sendBody(body);
    } catch (error) {
      this.#fault(error);
    }
  }

  resume(): void {
    this.#pump();
  }

  end(error?: SluiceError): void {
    if (this.#state !== 'open' && this.#state !== 'starting') return;
    this.#endWith(statusOf(error, error === this.#failure ? this.#failureStatus : undefined));
  }

  reset(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#wasReset = true;
    this.#stopReading();
    if (this.#inner === undefined) this.#sendStatus({ code: Status.CANCELLED, details: 'Reset.' });
    else resetStream(this.#inner.http2);
    this.#options.clock.setImmediate(() => {
      this.#inner?.http2.destroy();
      this.#close('reset');
    });
  }

  #accept(metadata: Metadata): void {
    this.metadata = textMetadataOf(metadata);
    const { forwarded } = this.#options;
    if (forwarded !== undefined) {
      this.peer = forwarded.peerOf(this.peer, this.metadata.get(forwarded.header));
    }
    try {
      this.#receiver = this.#options.accept(this);
    } catch (error) {
      this.#fault(error);
    }
    if (this.#state !== 'starting') return;
    this.#state = 'open';
    this.#call.sendMetadata(new Metadata());
    this.#pump();
  }

  #onHalfClose(): void {
    if (this.#inputDone || this.#inner?.http2.closed === true) return;
    this.#inputEnded = true;
    if (this.#inner?.midFrame() === true) {
      this.#failure = truncated();
    }
    this.#pump();
  }

  #sendBody(body: Buffer): void {
    const size = body.length + PREFIX_BYTES;
    this.bytesSent += size;
    this.#noteInFlight(size);
    this.#call.sendMessage(body, () => {
      this.#onBodyWritten(size);
    });
  }

  #noteInFlight(change: number): void {
    this.bytesInFlight += change;
    this.#options.account?.add(change);
  }

  #onBodyWritten(size: number): void {
    if (this.#state === 'closed') return;
    this.#noteInFlight(-size);
    try {
      this.#receiver?.onWritten();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** Once the turn's other messages are here: grpc-js brings each of a chunk in a microtask of its own. */
  #deliverSoon(): void {
    if (this.#deliveryQueued) return;
    this.#deliveryQueued = true;
    queueMicrotask(() => {
      this.#deliveryQueued = false;
      this.#pump();
    });
  }

  /** Asks for the next message of the chunk, unless within `#read`, which does. */
  #readMore(): void {
    const receiver = this.#receiver;
    if (this.#pumping || receiver === undefined) return;
    this.#pumping = true;
    try {
      this.#read(receiver);
    } catch (error) {
      this.#fault(error);
    }
    this.#pumping = false;
  }

  /** Hands over what there is and room for, then reads on; `resume` may be called from within. */
  #pump(): void {
    const receiver = this.#receiver;
    if (this.#pumping || receiver === undefined || this.#state === 'starting') return;
    this.#pumping = true;
    try {
      this.#deliver(receiver);
      this.#read(receiver);
    } catch (error) {
      this.#fault(error);
    }
    this.#held.set(this.#bodies.bytes);
    this.#pumping = false;
  }

  #deliver(receiver: StreamReceiver): void {
    const batch = this.#batch;
    while (!this.#inputDone) {
      const { room } = receiver;
      if (room <= 0) return;
      const unreadable = this.#bodies.fill(batch, room);
      if (unreadable !== undefined) {
        this.#failure = unreadable;
        this.#failureStatus = undefined;
      }
      if (batch.length > 0) {
        receiver.onMessages(batch);
        batch.length = 0;
      } else if (this.#failure !== undefined) {
        this.#stopReading();
        receiver.onInvalid(this.#failure);
      } else if (this.#inputEnded) {
        this.#failure = this.#bodies.missing;
        if (this.#failure !== undefined) continue;
        this.#inputDone = true;
        receiver.onHalfClose();
      } else {
        return;
      }
    }
  }

  /** Reads on while there is room; a loop, for grpc-js may bring the message within `startRead`. */
  #read(receiver: StreamReceiver): void {
    while (!this.#reading && !this.#inputDone && !this.#inputEnded && this.#failure === undefined) {
      if (this.#bodies.held >= receiver.room) return;
      // A batch may hold a thousand messages: one at a time.
      if (this.method === 'StreamBatches' && !this.#bodies.isEmpty) return;
      this.#reading = true;
      this.#call.startRead();
    }
  }

  #stopReading(): void {
    this.#inputDone = true;
    this.#bodies.clear();
    this.#held.set(0);
  }

  #endWith(status: CallStatus): void {
    this.#trailersOnly = this.#state === 'starting' && this.bytesSent === 0;
    this.#state = 'ending';
    this.#stopReading();
    const metadata = new Metadata();
    if (status.details !== undefined) metadata.set('grpc-status-details-bin', Buffer.from(status.details));
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the same numbers, kept in core
    this.#sendStatus({ code: status.code, details: status.message, metadata });
  }

  /** grpc-js wants to end the call by itself. */
  readonly #onOwnStatus = (status: StatusObject): void => {
    if (status.code === Status.DEADLINE_EXCEEDED) {
      this.#onDeadline();
    } else if (this.#failure === undefined && !this.#inputDone && !isWriteFailure(status)) {
      const refusal = refusalOf(status, this.#options.maxMessageBytes);
      this.#failure = refusal.error;
      this.#failureStatus = refusal.grpcStatus;
      this.#deliverSoon();
    }
  };

  #onDeadline(): void {
    if (this.#state === 'closed') return;
    if (Number(this.#call.getDeadline()) < this.#startedAtMs - OVERFLOWN_MS) return;
    const http2 = this.#inner?.http2;
    if (this.#state === 'ending') {
      if (http2 !== undefined) resetStream(http2);
    } else {
      this.#endWith(DEADLINE_STATUS);
      this.#flushTimer = this.#options.clock.setTimeout(() => {
        if (http2 !== undefined) resetStream(http2);
      }, DEADLINE_FLUSH_MS);
    }
    this.#close('deadline');
  }

  /** grpc-js calls it 'cancelled' however the call is over: the status sent, a reset, a lost connection. */
  #onOver(): void {
    this.#flushTimer?.cancel();
    const http2 = this.#inner?.http2;
    const statusSent =
      this.#state === 'ending' &&
      (this.#trailersOnly || http2 === undefined || http2.sentTrailers !== undefined);
    if (http2 !== undefined && (this.#trailersOnly || http2.sentTrailers !== undefined)) {
      closeOnceSent(http2, this.#options.clock);
    }
    if (this.#wasReset) this.#close('reset');
    else if (statusSent) this.#close('ended');
    else this.#close(this.#session?.destroyed === true ? 'lost' : 'cancelled');
  }

  #close(close: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#noteInFlight(-this.bytesInFlight);
    this.#stopReading();
    const receiver = this.#receiver;
    this.#receiver = undefined;
    try {
      receiver?.onClose(close);
    } catch (error) {
      this.#options.onFault?.(error);
    }
  }

  #fault(error: unknown): void {
    this.#options.onFault?.(error);
    this.end(receiverFault());
  }
}

function isWriteFailure(status: StatusObject): boolean {
  return status.code === Status.INTERNAL && /^(Internal server error|Error writing)/.test(status.details);
}

function textMetadataOf(metadata: Metadata): ReadonlyMap<string, string> {
  const text = new Map<string, string>();
  for (const name of Object.keys(metadata.getMap())) {
    if (isTextMetadata(name)) text.set(name, metadata.get(name).join(', '));
  }
  return text;
}

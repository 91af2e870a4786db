import type { Carrier } from '../core/carrier.js';
import type { ClientCertificate } from '../core/credentials.js';
import type { SluiceError } from '../core/errors.js';
import type { RateFigures } from '../core/rate-figures.js';
import type { DataMessage } from '../wire/messages.js';

/** The streaming calls of StreamService that carry the protocol both ways. */
export type StreamMethod = 'StreamData' | 'StreamBatches';

/**
 * Its other calls. Where a request or an answer of theirs is no DataMessage
 * (PublishRequest, SubscribeRequest, PublishResponse, IngestSummary), it comes
 * and goes as the `data` of one, as it is on the wire. Of Publish and Subscribe
 * exactly one message comes, then the half-close: anything else is `onInvalid`.
 */
export type CallMethod = 'Publish' | 'Subscribe' | 'Ingest';

export type ServedMethod = StreamMethod | CallMethod;

export function isCallMethod(method: ServedMethod): method is CallMethod {
  return method !== 'StreamData' && method !== 'StreamBatches';
}

/**
 * One client stream as the server sees it, whatever carries it. Decoded
 * messages come in through a `StreamReceiver`; batches of messages go out
 * through `send`. Implementations never throw from these methods, and none of
 * them calls the receiver from within a call made by the receiver's owner,
 * `resume` excepted.
 */
export interface TransportStream {
  readonly method: ServedMethod;
  readonly carrier: Carrier;
  /** The other side's address, `host:port`; "unix" for a Unix socket without a name. */
  readonly peer: string;
  /** Request metadata, names in lower case, text values only (several of a name are joined by ", "). */
  readonly metadata: ReadonlyMap<string, string>;
  /** The certificate the client showed below, verified by TLS; undefined where it showed none. */
  readonly certificate?: ClientCertificate | undefined;
  /** When the network connection below is to be left because of its age, in Clock.now(); undefined where it has no limit. */
  readonly connectionDeadline?: number | undefined;
  /** Bytes handed to `send` that the network has not taken yet: what a peer that does not read leaves behind. */
  readonly bytesInFlight: number;
  /** Bytes that have arrived and are held here: of a message that is not complete, and what the receiver has no room for; little ones left out. */
  readonly bytesHeld?: number;
  /** Encoded bytes (frames included) sent and received so far. */
  readonly bytesSent: number;
  readonly bytesReceived: number;

  /**
   * Queues these messages for the network, in order, as one write. Takes all of
   * them whatever `bytesInFlight` is: the caller holds the bound, waits for
   * `onWritten`, and has checked each message's size. Does nothing once the
   * stream has ended.
   */
  send(messages: readonly DataMessage[]): void;
  /** How the caller stands with the rate limits, for transports with a place to say so. Before `end`, at most once. */
  tellRates?(rates: readonly RateFigures[]): void;
  /** The receiver has room again: hand over what waits and read on. */
  resume(): void;
  /**
   * Ends the stream after everything sent: status OK, or the error's gRPC
   * status with `google.rpc.ErrorInfo` and, where waiting helps, `RetryInfo`
   * in its details; over WebSocket a Close with the error's code and sentence. Reading stops at once. Idempotent; the first call wins.
   */
  end(error?: SluiceError): void;
  /** Ends the stream now, dropping what the network has not taken: RST_STREAM(CANCEL), or the end of its socket. Idempotent. */
  reset(): void;
}

/** How a stream ended; given once, after which nothing else is called. */
export type StreamClose =
  /** `end` was carried out: the peer has been sent everything and the status. */
  | 'ended'
  /** `reset` was called. */
  | 'reset'
  /** The client cancelled the call. */
  | 'cancelled'
  /** The network connection is gone. */
  | 'lost'
  /** The deadline the client gave (grpc-timeout) has passed; the transport has sent DEADLINE_EXCEEDED. */
  | 'deadline';

/** What a stream calls; one a stream, given when the stream is accepted. */
export interface StreamReceiver {
  /**
   * How many messages it can take now. Read by the transport before each
   * `onMessages`, which never brings more. At 0 the transport stops reading
   * from the network (flow control stops the client) until `resume()`.
   */
  readonly room: number;
  /** Between 1 and `room` messages, in order. The array is reused: keep the messages, not the array. */
  onMessages(messages: readonly DataMessage[]): void;
  /** The client has sent its last message; sending goes on until `end`. Called after the last `onMessages`. */
  onHalfClose(): void;
  /**
   * What arrived can't be read (not protobuf, over the size limit, unknown
   * compression), or came behind the half-close where a transport can't rule
   * that out. Nothing more will come; the receiver answers with `end(error)`.
   */
  onInvalid(error: SluiceError): void;
  /** The network has taken some of what was sent: `bytesInFlight` has fallen. */
  onWritten(): void;
  onClose(close: StreamClose): void;
}

/**
 * Called once for each new stream. Response metadata goes out when it returns,
 * unless it has ended the stream, which then is answered with the status alone.
 * Must not throw.
 */
export type StreamAcceptor = (stream: TransportStream) => StreamReceiver;

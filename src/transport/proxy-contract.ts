import type { ClientCertificate } from '../core/credentials.js';
import type { StreamClose } from './contract.js';

/**
 * Metadata as it is passed on: names in lower case, values as they stand on the
 * wire ("-bin" ones in base64), one entry a value, in their order.
 */
export type RelayedHeaders = readonly (readonly [name: string, value: string])[];

/** How a call ended, as it is passed on to its client. */
export interface RelayedEnd {
  /** The gRPC status, also one that gRPC does not know. */
  readonly status: number;
  /** The status message, decoded; "" for none. */
  readonly message: string;
  /** Trailers beside these two, `grpc-status-details-bin` among them; of an answer that is a status alone, its content-type too. */
  readonly trailers: RelayedHeaders;
}

/**
 * One call of a service that is not the gateway's own, as the server sees it:
 * what its messages are is nobody's business here, they go through as bytes, of
 * any of gRPC's four shapes. As of `TransportStream`: none of its methods
 * throws, and none calls the receiver from within a call made by its owner.
 */
export interface ProxiedStream {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The other side's address, as of `TransportStream`. */
  readonly peer: string;
  /** Request metadata, and the headers of gRPC that are the backend's business (grpc-encoding, grpc-accept-encoding, user-agent). */
  readonly headers: RelayedHeaders;
  /** As the client sent it: `application/grpc`, perhaps with a codec behind a "+". */
  readonly contentType: string;
  readonly certificate?: ClientCertificate | undefined;
  /** As of `TransportStream`: when the network connection below is to be left. Who is left then is cut off a grace time later. */
  readonly connectionDeadline?: number | undefined;
  /** When the client's deadline passes, in Clock.now(); undefined where it gave none. The transport ends the stream then. */
  readonly deadlineAtMs: number | undefined;
  /** Bytes handed to `send` that the network has not taken yet. */
  readonly bytesInFlight: number;
  /** Bytes that have come and were not given to `onChunk`, for it is paused: at most what flow control lets in. */
  readonly bytesHeld: number;

  /** The answer's initial metadata, its content-type among them; once, before the first `send`. */
  respond(headers: RelayedHeaders): void;
  /** Length-prefixed messages, or parts of them. Takes them whatever is in flight: the caller holds the bound, and waits for `onWritten`. */
  send(chunk: Uint8Array): void;
  /** No more `onChunk` until `resume`: flow control stops the client. It begins paused. */
  pause(): void;
  resume(): void;
  /** Ends it after everything sent; with headers alone where nothing was responded. Idempotent; the first call wins. */
  end(end: RelayedEnd): void;
  /** Ends it now, dropping what the network has not taken. Idempotent. */
  reset(): void;
}

export interface ProxiedReceiver {
  /** Bytes of length-prefixed messages, cut anywhere. May be kept. */
  onChunk(chunk: Uint8Array): void;
  /** The client has sent its last byte. */
  onHalfClose(): void;
  /** `bytesInFlight` has fallen. */
  onWritten(): void;
  /** `bytesHeld` has risen. */
  onHeld(): void;
  /** Given once, after which nothing else is called. */
  onClose(close: StreamClose): void;
}

/** Called once for each new call of a path that `serves` claimed. Must not throw. */
export interface ProxyAcceptor {
  /** Whether calls of this path are for it. */
  serves(path: string): boolean;
  accept(stream: ProxiedStream): ProxiedReceiver;
}

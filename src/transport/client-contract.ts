import type { DataMessage } from '../wire/messages.js';
import type { CallMethod, StreamMethod } from './contract.js';
import type { RelayedEnd, RelayedHeaders } from './proxy-contract.js';

/** Why there was no gateway to speak to, where a call ended without one. */
export type ConnectFailure =
  /** Nobody answers there: refused, no such host, no route, no answer in time. */
  | 'unreachable'
  /** We speak TLS and the other side does not, or the reverse. */
  | 'tls-mismatch'
  /** TLS is spoken, and its certificate, or ours, was not accepted. */
  | 'certificate'
  /** It answers, and is no gateway: no HTTP/2, no gRPC, or no StreamService. */
  | 'not-sluice';

/** How a call ended, as its client sees it. */
export interface CallEnd {
  /** The gRPC status; 0 is OK. */
  readonly status: number;
  /** One sentence for a person: what the gateway said or, for a `failure`, what is wrong and what to do. */
  readonly message: string;
  /** The code of the gateway's catalogue, perhaps of a later version; undefined where it gave none. */
  readonly code?: string;
  /** Of google.rpc.RetryInfo. */
  readonly retryAfterMs?: number;
  readonly failure?: ConnectFailure;
  /** What came could not be read, or was too large: so the call was given up here, and not by the other side. */
  readonly unreadable?: true;
  /** The connection broke under the call: nobody has said why. */
  readonly broken?: true;
}

/** What a stream calls; never from within a call made to it. */
export interface StreamEvents {
  /** At least one message, in order. The array is reused: keep the messages, not the array. Their data may be kept. */
  onMessages(messages: readonly DataMessage[]): void;
  /** There is room again, after `send` returned false. */
  onWritable(): void;
  /** The stream is over; given once, after which nothing else is called. */
  onEnd(end: CallEnd): void;
}

/** One stream of the session protocol, as its client sees it. None of its methods throws. */
export interface ClientStream {
  /**
   * Sends these, in order; in StreamBatches in as few frames as may be. False:
   * they are taken, but the network has not: wait for `onWritable` before
   * sending more. Does nothing after `halfClose`, and once the stream is over.
   */
  send(messages: readonly DataMessage[]): boolean;
  /** Nothing more will be sent; what comes is still received. Idempotent. */
  halfClose(): void;
  /** Gives the stream up at once. `onEnd` follows (CANCELLED), in a later turn. Idempotent. */
  cancel(): void;
}

/** What one of the other calls calls; never from within a call made to it. */
export interface CallEvents {
  /** One message's bytes; they may be kept. */
  onBody(body: Uint8Array): void;
  onWritable(): void;
  /**
   * The connection that it is on takes no new calls, most often because the other side is about to leave: a call that
   * is to last begins anew, elsewhere. This one goes on for as long as it may.
   */
  onLeaving?(): void;
  onEnd(end: CallEnd): void;
}

/** One call that is no stream of the session protocol. */
export interface ClientCall {
  /** As `ClientStream.send`, of one encoded message. */
  send(body: Uint8Array): boolean;
  halfClose(): void;
  cancel(): void;
  /** Stops and starts the reading: while stopped at most a bounded number of bodies still comes, and flow control stops the gateway. */
  pause(): void;
  resume(): void;
}

/** Request metadata: names in lower case, text values. */
export type CallMetadata = Readonly<Record<string, string>>;

/**
 * The network connections to one gateway address. A stream begins on one that
 * is alive and has room for it, else on a new one; a connection that has failed
 * gets no new stream. What goes wrong is told by `onEnd`, never thrown.
 */
export interface Connector {
  readonly address: string;
  stream(method: StreamMethod, metadata: CallMetadata, events: StreamEvents): ClientStream;
  call(method: CallMethod, metadata: CallMetadata, events: CallEvents): ClientCall;
  /** Streams begin on new connections from now on: those there are no longer fresh, or silent. */
  renew(): void;
  /** Gives up every call and closes the connections. Idempotent. */
  close(): void;
}

/** A stream of messages to a backend. */
export interface BackendStream extends ClientStream {
  /** As of `ClientCall`: while stopped at most a bounded number of messages still comes, and flow control stops the backend. */
  pause(): void;
  resume(): void;
}

/** What a relayed call asks for. */
export interface RelayRequest {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly headers: RelayedHeaders;
  readonly contentType: string;
  /** What is left of its deadline, in milliseconds: what is left once it is on its connection is sent as `grpc-timeout`. */
  readonly timeoutMs?: number;
}

/** How a relayed call ended: what the backend said, or the channel for it. */
export interface RelayEnd extends RelayedEnd {
  /** The channel's own words, where the backend has not said how it ended; `message` repeats them. */
  readonly failure?: CallEnd;
  /** Nothing of the call has come to an application: it may be made again, there or elsewhere (gRFC A6, "transparent retries"). */
  readonly unprocessed: boolean;
}

/** What a relayed call calls; never from within a call made to it. */
export interface RelayEvents {
  /** It is on its connection: what is sent from now on is on its way. */
  onOpen(): void;
  /** The answer's initial metadata, its content-type among them; left out where the answer is a status alone. */
  onHeaders(headers: RelayedHeaders): void;
  /** Bytes of length-prefixed messages, cut anywhere. May be kept. */
  onChunk(chunk: Uint8Array): void;
  /** `bytesInFlight` has fallen. */
  onWritten(): void;
  /** `bytesHeld` has risen. */
  onHeld(): void;
  onEnd(end: RelayEnd): void;
}

/** A call to a backend whose bytes nobody reads. */
export interface RelayCall {
  /** Bytes handed to `send` that the network has not taken yet. */
  readonly bytesInFlight: number;
  /** Bytes that have come and were not given to `onChunk`, for it is paused: at most what flow control lets in. */
  readonly bytesHeld: number;
  send(chunk: Uint8Array): void;
  halfClose(): void;
  /** RST_STREAM(CANCEL), also where no backend has it yet; `onEnd` follows in a later turn. Idempotent. */
  cancel(): void;
  pause(): void;
  resume(): void;
}

/**
 * The network connections to one backend, of whatever services it has: as
 * `Connector`, with the method named by its path, `/package.Service/Method`.
 */
export interface BackendConnector {
  readonly address: string;
  /** A call whose messages are DataMessages, both ways. */
  stream(path: string, metadata: CallMetadata, events: StreamEvents): BackendStream;
  /** A call of any kind: its messages are bytes. */
  call(path: string, metadata: CallMetadata, events: CallEvents): ClientCall;
  /** A call that is passed on byte by byte. */
  relay(request: RelayRequest, events: RelayEvents): RelayCall;
  /** Gives up every call and closes the connections. Idempotent. */
  close(): void;
}

/** Makes the connector of a backend's address. Throws a TypeError for what is no address. */
export type DialBackend = (address: string) => BackendConnector;

/** Makes the connector of an address. Throws a TypeError for what is no address, which names it and the forms there are. */
export type Dial = (address: string) => Connector;

/** The client of Sluice gateways: `connect`, and what it gives. */
export { connect, type ConnectOptions } from './connect.js';
export type { Client, ClientCloseOptions, ClientState, PingOptions } from './client.js';
export { ClientError, type ClientErrorCode, type ClientErrorOptions, clientErrors } from './client-error.js';
export { clientErrorMeanings } from './client-error-meanings.js';
export type { ClientEvent } from './client-event.js';
export type { Ingest, IngestOptions } from './topic/ingest.js';
export type { Interceptor, OpenRequest, SendRequest } from './interceptor.js';
export type { GapNotice, Message, Payload, SendOptions, SessionEnd, UnsettledMessage } from './message.js';
export type {
  OutgoingMessage,
  ReadableStreamOptions,
  WritableStreamOptions,
} from './session/node-streams.js';
export type { ClientOptions, TokenSource } from './client-options.js';
export type { Bound, DropReason, OpenOptions, Overflow, Reset } from './options.js';
export type { Published, PublishOptions } from './topic/publish.js';
export type { Session, SessionStats } from './session/session.js';
export type { SinkOptions } from './session/session-sink.js';
export type { SubscribeOptions, Subscription } from './topic/subscription.js';
export type { IngestSummary } from '../wire/topic-messages.js';
export type { ErrorCode, ErrorScope, RetryAdvice } from '../core/errors.js';

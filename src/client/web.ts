/** The client of Sluice gateways for browsers: `connect`, and what it gives. */
import { SystemClock } from '../core/clock.js';
import type { PlatformWebSocket } from '../transport/websocket-client/platform-socket.js';
import { canBeShown } from '../transport/websocket-client/socket-request.js';
import { webSocketDial } from '../transport/websocket-client/dial.js';
import { Client } from './client.js';
import type { ClientOptions } from './client-options.js';
import { clientSettings } from './client-settings.js';
import { pageWakeUps } from './page-wake-ups.js';

export interface ConnectOptions extends ClientOptions {
  /** What a WebSocket is made with. Default: the platform's; Node.js has one from version 22 on, before that the package ws does. */
  readonly WebSocket?: PlatformWebSocket;
}

/** Of the time until Welcome, what the WebSocket has: whoever finds out that it fails speaks before those who only wait. */
const NETWORK_SHARE = 9 / 10;

/**
 * A client of the gateway at this address, or of several that stand for each
 * other, over WebSockets: as `connect` of sluice/client. `wss://host`,
 * `ws://host:8080`, the same with http, or on a page a path of its own host,
 * such as `/`; a gateway's paths (`/v1/…`) are behind it.
 * @throws TypeError or RangeError that names the option or address, its value and what is allowed.
 */
export function connect(address: string | readonly string[], options: ConnectOptions = {}): Client {
  const addresses = typeof address === 'string' ? [address] : [...address];
  if (addresses.length === 0)
    throw new TypeError('There is no address to connect to: at least one is expected');
  const { WebSocket, ...clientOptions } = options;
  const { connectTimeoutMs, metadata } = clientSettings(clientOptions, ['WebSocket']);
  for (const [name, value] of Object.entries(metadata)) {
    if (canBeShown(name, value)) continue;
    throw new TypeError(
      `metadata.${name} can't be shown: a WebSocket of a page has authorization ("Bearer …"), x-route and x-subject`,
    );
  }
  const clock = new SystemClock();
  const dial = webSocketDial({
    clock,
    WebSocket,
    connectTimeoutMs: Math.ceil(connectTimeoutMs * NETWORK_SHARE),
  });
  return new Client(addresses, clientOptions, { dial, clock, random: Math.random, wakeUps: pageWakeUps });
}

export type { Client, ClientCloseOptions, ClientState, PingOptions } from './client.js';
export { ClientError, type ClientErrorCode, type ClientErrorOptions, clientErrors } from './client-error.js';
export type { ClientEvent } from './client-event.js';
export type { ClientOptions, TokenSource } from './client-options.js';
export type { Ingest, IngestOptions } from './topic/ingest.js';
export type { Interceptor, OpenRequest, SendRequest } from './interceptor.js';
export type { GapNotice, Message, Payload, SendOptions, SessionEnd, UnsettledMessage } from './message.js';
export type { Bound, DropReason, OpenOptions, Overflow, Reset } from './options.js';
export type { Published, PublishOptions } from './topic/publish.js';
export type { Session, SessionStats } from './session/session.js';
export type { SinkOptions } from './session/session-sink.js';
export type { SubscribeOptions, Subscription } from './topic/subscription.js';
export type { IngestSummary } from '../wire/topic-messages.js';
export type { ErrorCode, ErrorScope, RetryAdvice } from '../core/error-advice.js';

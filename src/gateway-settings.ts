import { getHeapStatistics } from 'node:v8';
import type { Config } from './config/schema.js';
import type { ServedAddress } from './metrics/gateway-facts.js';
import type { MetricsLimits } from './metrics/stream-families.js';
import type { TopicRouteParts } from './routes/topic.js';
import type { StreamSettings } from './server/settings.js';
import type { WindowedSettings } from './server/streaming-server.js';
import type { RecentLimits } from './session/recent-messages.js';
import type { EdgeOptions } from './edge/edge-options.js';
import type { BoundAddress } from './transport/net/address.js';
import { ForwardedPeers } from './transport/net/forwarded.js';
import { TrustedAddresses } from './transport/net/trusted-addresses.js';
import type { GrpcServerOptions } from './transport/grpc/grpc-server-options.js';
import type { TlsOptions } from './transport/net/tls-files.js';
import type { WebSocketServerOptions } from './transport/websocket/websocket-server.js';

// The configuration speaks to people (receiveTimeout: 25s), the parts of the
// gateway to one another (receiveTimeoutMs: 25000). Here the one becomes the other.

export function streamSettings({ server, stream, session, memory, auth }: Config): StreamSettings {
  return {
    receiveQueueMessages: stream.receiveQueueMessages,
    receiveQueueBytes: stream.receiveQueueSize,
    sendQueueMessages: stream.sendQueueMessages,
    sendQueueBytes: stream.sendQueueSize,
    sendBufferBytes: stream.sendBufferSize,
    maxControlAnswers: stream.maxControlAnswers,
    maxMessageBytes: server.maxMessageSize,
    firstMessageTimeoutMs: stream.firstMessageTimeout,
    receiveTimeoutMs: stream.receiveTimeout,
    sendTimeoutMs: stream.sendTimeout,
    heartbeatIntervalMs: stream.heartbeatInterval,
    flowControlDelayMs: stream.flowControlDelay,
    messagesPerSecond: stream.throttle.messagesPerSecond,
    bytesPerSecond: stream.throttle.bytesPerSecond,
    maxStreamAgeMs: server.maxStreamAge,
    maxStreamMessages: server.maxStreamMessages,
    maxStreamBytes: server.maxStreamBytes,
    ageJitter: server.ageJitter,
    ageGraceMs: server.ageGrace,
    drainQuietMs: server.drainQuiet,
    identifyTimeoutMs: auth.identifyTimeout,
    maxUnidentified: auth.maxUnidentified,
    expiryNoticeMs: auth.expiryNotice,
    // Who is let in for the tolerance with a token that has expired must not be sent away at once.
    expiryGraceMs: Math.max(auth.expiryGrace, auth.methods.includes('jwt') ? auth.jwt.clockTolerance : 0),
    maxSessionsPerConnection: session.maxPerConnection,
    resumeWindowMs: session.resumeWindow,
    ackDelayMs: session.ackDelay,
    shedAfterMs: memory.shedAfter,
  };
}

export function windowedSettings({ server, session }: Config): WindowedSettings {
  return {
    limits: {
      window: { messages: session.windowMessages, bytes: session.windowSize },
      // Either may be a default that the other was moved past.
      maxWindow: {
        messages: Math.max(session.windowMessages, session.maxWindowMessages),
        bytes: Math.max(session.windowSize, session.maxWindowSize),
      },
      waiting: { messages: session.waitingMessages, bytes: session.waitingSize },
      maxPayloadBytes: session.maxPayloadSize,
      maxMessageBytes: server.maxMessageSize,
      resumeWindowMs: session.resumeWindow,
      recent: recentLimits(session),
    },
    maxDetached: session.maxDetached,
    maxDetachedBytes: session.maxDetachedSize,
    ended: {
      max: session.maxEnded,
      maxPerClient: session.maxEndedPerClient,
      maxBytes: session.maxEndedSize,
    },
  };
}

/** What the kinds of route need of the rest of the configuration. */
export function topicSettings({ session, stream }: Config): Omit<TopicRouteParts, 'clock'> {
  return {
    waiting: { messages: session.waitingMessages, bytes: session.waitingSize },
    sendTimeoutMs: stream.sendTimeout,
  };
}

export function recentLimits({ recentMessages, recentSize }: Config['session']): RecentLimits {
  return { maxMessages: recentMessages, maxBytes: recentSize };
}

/** What all queues and sessions may hold together; 0 stands for a quarter of the heap limit. */
export function budgetBytes({ memory }: Config): number {
  return memory.budget === 0 ? Math.floor(getHeapStatistics().heap_size_limit / 4) : memory.budget;
}

/** Who is believed of what is in front of the gateway; nothing where nobody is. */
function balancerSettings(
  { trusted, forwardedHeader }: Config['balancers'],
  proxyProtocol: boolean,
): { readonly proxyProtocol?: TrustedAddresses; readonly forwarded?: ForwardedPeers } {
  const addresses = new TrustedAddresses(trusted);
  return {
    ...(proxyProtocol ? { proxyProtocol: addresses } : {}),
    ...(forwardedHeader === 'none' ? {} : { forwarded: new ForwardedPeers(forwardedHeader, addresses) }),
  };
}

/** All of the HTTP edge's options that come from the configuration. */
export function edgeSettings({
  balancers,
  edge,
  server,
  stream,
}: Config): Omit<EdgeOptions, 'clock' | 'logger' | 'metrics' | 'account' | 'version'> {
  return {
    listen: edge.listen,
    maxSockets: edge.maxSockets,
    handshakeTimeoutMs: edge.handshakeTimeout,
    headersTimeoutMs: edge.headersTimeout,
    requestTimeoutMs: edge.requestTimeout,
    idleTimeoutMs: edge.idleTimeout,
    maxHeaderBytes: edge.maxHeaderSize,
    maxMessageBytes: server.maxMessageSize,
    sendTimeoutMs: stream.sendTimeout,
    origins: edge.origins,
    queryToken: edge.queryToken,
    events: { heartbeatIntervalMs: edge.events.heartbeatInterval, retryMs: edge.events.retry },
    ...(edge.tls ? tlsSettings(server) : {}),
    ...balancerSettings(balancers, edge.proxyProtocol),
  };
}

/** What WebSockets need of the configuration. */
export function webSocketSettings({
  edge,
  server,
  stream,
}: Config): Pick<
  WebSocketServerOptions,
  'maxMessageBytes' | 'pingIntervalMs' | 'pongTimeoutMs' | 'closeTimeoutMs'
> {
  return {
    maxMessageBytes: server.maxMessageSize,
    pingIntervalMs: edge.webSocket.pingInterval,
    pongTimeoutMs: edge.webSocket.pongTimeout,
    closeTimeoutMs: stream.sendTimeout,
  };
}

/** Nothing where no certificate is named. */
function tlsSettings({ tls }: Config['server']): { readonly tls?: TlsOptions } {
  if (tls.certificateFile === '') return {};
  return {
    tls: {
      certificateFile: tls.certificateFile,
      keyFile: tls.keyFile,
      ...(tls.clientCaFile === '' ? {} : { clientCaFile: tls.clientCaFile }),
      requireClientCertificate: tls.requireClientCertificate,
      minVersion: tls.minVersion,
      reloadIntervalMs: tls.reloadInterval,
    },
  };
}

/** All of the gRPC server's options that come from the configuration. */
export function grpcServerSettings({
  balancers,
  server,
  stream,
}: Config): Omit<GrpcServerOptions, 'clock' | 'logger' | 'metrics'> {
  return {
    listen: server.listen,
    streamHandler: server.streamHandler,
    maxSockets: server.maxSockets,
    maxConcurrentStreams: server.maxConcurrentStreams,
    maxMessageBytes: server.maxMessageSize,
    maxMetadataBytes: server.maxMetadataSize,
    handshakeTimeoutMs: server.handshakeTimeout,
    firstMessageTimeoutMs: stream.firstMessageTimeout,
    keepaliveIntervalMs: server.keepaliveInterval,
    keepaliveTimeoutMs: server.keepaliveTimeout,
    minPingIntervalMs: server.minPingInterval,
    permitPingsWithoutStreams: server.permitPingsWithoutStreams,
    idleTimeoutMs: server.idleTimeout,
    maxConnectionAgeMs: server.maxConnectionAge,
    ageJitter: server.ageJitter,
    ageGraceMs: server.ageGrace,
    streamWindowBytes: server.streamWindow,
    connectionWindowBytes: server.connectionWindow,
    reflection: server.reflection,
    tcpNoDelay: true,
    ...tlsSettings(server),
    ...balancerSettings(balancers, server.proxyProtocol),
  };
}

/** Where clients connect, and how, for people. */
export function servedAddresses(
  { edge, server }: Pick<Config, 'edge' | 'server'>,
  grpc: readonly BoundAddress[],
  http: readonly BoundAddress[],
): readonly ServedAddress[] {
  const isSecure = tlsSettings(server).tls !== undefined;
  return [
    ...grpc.map(({ text }) => ({ protocol: 'grpc', address: text, tls: isSecure }) as const),
    ...http.map(({ text }) => ({ protocol: 'http', address: text, tls: isSecure && edge.tls }) as const),
  ];
}

export function metricsLimits({ pool, server, session, stream, auth, edge }: Config): MetricsLimits {
  return {
    connections: pool.maxConnections,
    publishes: pool.maxPublishes,
    sessions: session.max,
    sockets: server.maxSockets,
    ...(edge.enabled && { edgeSockets: edge.maxSockets }),
    receiveQueue: { messages: stream.receiveQueueMessages, bytes: stream.receiveQueueSize },
    sendQueue: { messages: stream.sendQueueMessages, bytes: stream.sendQueueSize },
    sendBufferBytes: stream.sendBufferSize,
    auth: {
      unidentified: auth.maxUnidentified,
      failingAddresses: auth.failures.maxAddresses,
      revocations: auth.revocation.max,
    },
    windowed: {
      detached: session.maxDetached,
      detachedBytes: session.maxDetachedSize,
      ended: session.maxEnded,
      endedBytes: session.maxEndedSize,
      inFlight: { messages: session.maxWindowMessages, bytes: session.maxWindowSize },
      waiting: { messages: session.waitingMessages, bytes: session.waitingSize },
      unhandled: { messages: session.windowMessages, bytes: session.windowSize },
    },
  };
}

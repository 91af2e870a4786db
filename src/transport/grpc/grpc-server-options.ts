import type { Clock } from '../../core/clock.js';
import type { Turn } from '../../core/turn.js';
import type { BufferAccount } from '../../flow/held-bytes.js';
import type { ForwardedPeers } from '../net/forwarded.js';
import type { TransportLogger } from '../net/limited-log.js';
import type { DoorMetrics } from '../net/socket-door.js';
import type { TlsOptions } from '../net/tls-files.js';
import type { TrustedAddresses } from '../net/trusted-addresses.js';

/** The counters this server raises; StreamMetrics has them. */
export interface SocketMetrics extends DoorMetrics {
  pingFloods: number;
}

/** Each is a key of the configuration's `server` section, in milliseconds, bytes or pieces. */
export interface GrpcServerOptions {
  readonly clock: Clock;
  /** Shared with who answers, so that what a turn brings is answered in it. Default: one of its own. */
  readonly turn?: Turn;
  readonly logger: TransportLogger;
  readonly metrics: SocketMetrics;
  /** Where what streams hold is counted: what arrived and was not handed over, what was sent and has not left. */
  readonly account?: BufferAccount;
  /** Addresses: host:port, [ipv6]:port, :port, unix:/path. Port 0 lets the system choose. */
  readonly listen: readonly string[];
  /** Whose connections each begin with a PROXY protocol header; all others are closed. Undefined: nobody's do. */
  readonly proxyProtocol?: TrustedAddresses;
  /** Where balancers name their clients in a header. */
  readonly forwarded?: ForwardedPeers;
  /** Who serves StreamData and StreamBatches: our own handler, or grpc-js's. */
  readonly streamHandler: 'direct' | 'grpc-js';
  /** Network connections in all, TLS handshakes included; one more is closed at once. */
  readonly maxSockets: number;
  /** Streams a connection may hold at a time (HTTP/2 SETTINGS). */
  readonly maxConcurrentStreams: number;
  /** The largest message, either way. */
  readonly maxMessageBytes: number;
  /** Request headers of one call: names, values and 32 bytes an entry (RFC 9113 section 6.5.2). */
  readonly maxMetadataBytes: number;
  /** For the PROXY protocol header, for TLS, and then again for the client's HTTP/2 SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** What a call that is no stream (health, reflection) has to bring its request in; 0 = no limit. */
  readonly firstMessageTimeoutMs: number;
  /** Silence after which a client is pinged; 0 = never. */
  readonly keepaliveIntervalMs: number;
  /** How long a pinged client has to be heard from. */
  readonly keepaliveTimeoutMs: number;
  /** The shortest time between two of a client's pings. */
  readonly minPingIntervalMs: number;
  /** Whether a client may ping while it has no stream. */
  readonly permitPingsWithoutStreams: boolean;
  /** How long a connection may stay without a stream; 0 = for ever. */
  readonly idleTimeoutMs: number;
  /** How old a connection may grow before its streams are told to leave it; 0 = no limit. */
  readonly maxConnectionAgeMs: number;
  /** The share of that by which it is varied, so that what came together does not leave together. */
  readonly ageJitter: number;
  /** What streams have to finish after that. */
  readonly ageGraceMs: number;
  /** What a client may send on one stream before it is read (HTTP/2 flow control). */
  readonly streamWindowBytes: number;
  /** The same for all streams of a connection together. */
  readonly connectionWindowBytes: number;
  readonly tls?: TlsOptions;
  /** Whether tools may ask for the services' description. */
  readonly reflection: boolean;
  /** False lets the system gather small writes (Nagle); nearly always true. */
  readonly tcpNoDelay: boolean;
}

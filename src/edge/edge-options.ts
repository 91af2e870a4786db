import type { Clock } from '../core/clock.js';
import type { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { ForwardedPeers } from '../transport/net/forwarded.js';
import type { DoorMetrics } from '../transport/net/socket-door.js';
import type { TlsOptions } from '../transport/net/tls-files.js';
import type { TrustedAddresses } from '../transport/net/trusted-addresses.js';
import type { EventSettings } from './event-stream.js';

/** Each is a key of the configuration's `edge` section, or of those that hold for all clients, in milliseconds, bytes or pieces. */
export interface EdgeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DoorMetrics;
  /** Where bodies are counted that are not whole yet. */
  readonly account: ByteAccount;
  /** Addresses: host:port, [ipv6]:port, :port, unix:/path. Port 0 lets the system choose. */
  readonly listen: readonly string[];
  readonly maxSockets: number;
  readonly handshakeTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How long a connection is kept between two requests. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** The largest body. */
  readonly maxMessageBytes: number;
  /** For a client to take some of an answer. */
  readonly sendTimeoutMs: number;
  readonly origins: readonly string[];
  readonly queryToken: boolean;
  readonly events: EventSettings;
  /** Whose connections each begin with a PROXY protocol header; all others are closed. Undefined: nobody's do. */
  readonly proxyProtocol?: TrustedAddresses;
  /** Where balancers name their clients in a header. */
  readonly forwarded?: ForwardedPeers;
  readonly tls?: TlsOptions;
  readonly version: string;
  /** Told of each request, and each upgrade, that is not let in here or has not come in time; not of those that are wrong, nor of the calls' own refusals. */
  readonly onRefused?: (error: SluiceError, peer: string) => void;
  /** Told of each connection that is cut because nothing of an answer is taken; of streams their calls tell. */
  readonly onSlow?: (error: SluiceError, peer: string) => void;
}

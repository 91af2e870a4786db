import { type Clock, MAX_TIMER_MS } from '../../core/clock.js';
import type { ClientCall, ClientStream, Connector, Dial } from '../client-contract.js';
import { type ChannelAddress, parseChannelAddress } from './channel-address.js';
import { ChannelConnections, type ChannelOptions } from './channel-connections.js';
import { ChannelBytesCall, ChannelStream } from './channel-stream.js';
import { GATEWAY_TERMS } from './channel-terms.js';
import { ChannelSecurity, type ChannelTls } from './channel-tls.js';

export interface GrpcDialOptions {
  readonly clock: Clock;
  /** Speaks TLS, as addresses with `grpcs://` do by themselves. Default: only those. */
  readonly tls?: ChannelTls;
  /** The largest message taken from the gateway, in bytes. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** What may be on its way to this client on one stream, and on one connection, in bytes. Default 1 MiB. */
  readonly flowControlWindowBytes?: number;
  /** Streams on one network connection; the gateway's limit holds too. Default 16. */
  readonly streamsPerConnection?: number;
  /** How long a connection may take: TCP, TLS and HTTP/2. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Sent as `user-agent`. Default `sluice-client`. */
  readonly userAgent?: string;
}

const DEFAULTS = {
  maxMessageBytes: 64 * 1024 * 1024,
  flowControlWindowBytes: 1024 * 1024,
  streamsPerConnection: 16,
  connectTimeoutMs: 10_000,
  userAgent: 'sluice-client',
} as const;

/** From the least to the most. Windows: RFC 9113, section 6.9.1. */
const RANGES = {
  maxMessageBytes: [1_024, 2 ** 32 - 1],
  flowControlWindowBytes: [65_535, 2 ** 31 - 1],
  streamsPerConnection: [1, 2 ** 31 - 1],
  connectTimeoutMs: [1, MAX_TIMER_MS],
} as const;

/**
 * Connects to gateways over gRPC. Nothing is sent until a stream begins; what
 * fails is not tried again here. Timers run on the clock, none outlives
 * `close()`, and idle connections keep no process alive.
 * @throws TypeError for certificates and keys that can't be used, RangeError for numbers out of their range.
 * @internal
 */
export function grpcDial(options: GrpcDialOptions): Dial {
  const settled = { ...DEFAULTS, ...options };
  for (const [name, [least, most]] of Object.entries(RANGES) as [
    keyof typeof RANGES,
    readonly [number, number],
  ][]) {
    const value = settled[name];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`${name} is a whole number from ${least} to ${most}, not ${value}.`);
  }
  const own = options.tls === undefined ? undefined : new ChannelSecurity(options.tls);
  const channel: ChannelOptions = { ...settled, tcpKeepAliveMs: 0, terms: GATEWAY_TERMS };
  let usual: ChannelSecurity | undefined;
  return (text) => {
    const address = parseChannelAddress(text);
    if (address.tls === false && own !== undefined)
      throw new TypeError(`"${text}" is without TLS, and tls is given: write grpcs:// or leave out tls.`);
    const security = own ?? (address.tls === true ? (usual ??= new ChannelSecurity({})) : undefined);
    return new GatewayChannel(address, security, channel);
  };
}

/** The connections to one gateway address. */
class GatewayChannel implements Connector {
  readonly #connections: ChannelConnections;
  readonly #maxMessageBytes: number;

  constructor(address: ChannelAddress, security: ChannelSecurity | undefined, options: ChannelOptions) {
    this.#connections = new ChannelConnections(address, security, options);
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  get address(): string {
    return this.#connections.address;
  }

  stream(...[method, metadata, events]: Parameters<Connector['stream']>): ClientStream {
    return new ChannelStream(
      { method, address: this.address, maxMessageBytes: this.#maxMessageBytes },
      events,
      (call) => this.#connections.start(pathOf(method), metadata, call),
    );
  }

  call(...[method, metadata, events]: Parameters<Connector['call']>): ClientCall {
    return new ChannelBytesCall(this.address, this.#maxMessageBytes, GATEWAY_TERMS, events, (call) =>
      this.#connections.start(pathOf(method), metadata, call),
    );
  }

  renew(): void {
    this.#connections.renew();
  }

  close(): void {
    this.#connections.close();
  }
}

function pathOf(method: string): string {
  return `/sluice.v1.StreamService/${method}`;
}

import { constants, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { type Clock, MAX_TIMER_MS } from '../../core/clock.js';
import { GrpcStatus } from '../../core/errors.js';
import type { CallEnd, CallMetadata, ClientCall, ClientStream, Connector, Dial } from '../client-contract.js';
import type { CallMethod, StreamMethod } from '../contract.js';
import { type ChannelAddress, parseChannelAddress } from './channel-address.js';
import { ChannelCall, type ChannelCallEvents } from './channel-call.js';
import { ChannelConnection } from './channel-connection.js';
import { ChannelStream, ChannelTopicCall } from './channel-stream.js';
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
  let usual: ChannelSecurity | undefined;
  return (text) => {
    const address = parseChannelAddress(text);
    if (address.tls === false && own !== undefined)
      throw new TypeError(`"${text}" is without TLS, and tls is given: write grpcs:// or leave out tls.`);
    const security = own ?? (address.tls === true ? (usual ??= new ChannelSecurity({})) : undefined);
    return new Channel(address, security, settled);
  };
}

type ChannelOptions = Required<Omit<GrpcDialOptions, 'tls'>>;

/** The connections to one gateway address. */
class Channel implements Connector {
  readonly #address: ChannelAddress;
  readonly #security: ChannelSecurity | undefined;
  readonly #options: ChannelOptions;
  /** All that are not closed. */
  readonly #connections = new Set<ChannelConnection>();
  #wasReady = false;
  #closed = false;

  constructor(address: ChannelAddress, security: ChannelSecurity | undefined, options: ChannelOptions) {
    this.#address = address;
    this.#security = security;
    this.#options = options;
  }

  get address(): string {
    return this.#address.text;
  }

  stream(...[method, metadata, events]: Parameters<Connector['stream']>): ClientStream {
    const { maxMessageBytes } = this.#options;
    return new ChannelStream(method, this.address, maxMessageBytes, events, (call) =>
      this.#start(method, metadata, call),
    );
  }

  call(...[method, metadata, events]: Parameters<Connector['call']>): ClientCall {
    const { maxMessageBytes } = this.#options;
    return new ChannelTopicCall(this.address, maxMessageBytes, events, (call) =>
      this.#start(method, metadata, call),
    );
  }

  renew(): void {
    for (const connection of this.#connections) connection.retire();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) {
      connection.retire();
      connection.endCalls(CLOSED);
    }
  }

  #start(method: StreamMethod | CallMethod, metadata: CallMetadata, events: ChannelCallEvents): ChannelCall {
    const headers = this.#headersOf(method, metadata);
    const call = new ChannelCall(typeof headers === 'string' ? {} : headers, this.#options.clock, events);
    if (typeof headers === 'string') call.endSoon({ status: GrpcStatus.INVALID_ARGUMENT, message: headers });
    else if (this.#closed) call.endSoon(CLOSED);
    else this.#place(call);
    return call;
  }

  #place(call: ChannelCall): void {
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      connection.add(call);
      return;
    }
    const { clock, connectTimeoutMs, flowControlWindowBytes, streamsPerConnection } = this.#options;
    const connection = new ChannelConnection(this.#address, {
      clock,
      security: this.#security,
      connectTimeoutMs,
      flowControlWindowBytes,
      maxCalls: streamsPerConnection,
      wasReady: () => this.#wasReady,
      onReady: () => {
        this.#wasReady = true;
      },
      onSurplus: (calls) => {
        for (const each of calls) this.#place(each);
      },
      onClosed: () => {
        this.#connections.delete(connection);
      },
    });
    this.#connections.add(connection);
    connection.add(call);
  }

  /** The request's headers, or what is wrong with the metadata. */
  #headersOf(method: StreamMethod | CallMethod, metadata: CallMetadata): OutgoingHttpHeaders | string {
    for (const [name, value] of Object.entries(metadata)) {
      // The value may be a secret: it is not shown.
      if (!METADATA_NAME.test(name) || !METADATA_VALUE.test(value))
        return `The metadata "${name}" can not be sent: names are of a-z, 0-9, "_", "-" and ".", values of printable ASCII.`;
    }
    return {
      ...metadata,
      ':method': constants.HTTP2_METHOD_POST,
      ':path': `/sluice.v1.StreamService/${method}`,
      'content-type': 'application/grpc+proto',
      'grpc-accept-encoding': 'identity',
      te: 'trailers',
      'user-agent': this.#options.userAgent,
      // A token is not for the tables of header compression, which outlive the call.
      [sensitiveHeaders]: ['authorization'],
    };
  }
}

/** gRPC over HTTP/2, "Header-Name" and "ASCII-Value". */
const METADATA_NAME = /^[0-9a-z_.-]+$/;
const METADATA_VALUE = /^[\x20-\x7e]*$/;

const CLOSED: CallEnd = { status: GrpcStatus.CANCELLED, message: 'The client has been closed.' };

import { constants, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { type Clock, MAX_TIMER_MS } from '../../core/clock.js';
import { GrpcStatus } from '../../core/errors.js';
import type { CallEnd, CallMetadata, RelayRequest } from '../client-contract.js';
import type { ChannelAddress } from './channel-address.js';
import { ChannelCall, type ChannelCallEvents } from './channel-call.js';
import { ChannelConnection } from './channel-connection.js';
import type { ChannelTerms } from './channel-terms.js';
import type { ChannelSecurity } from './channel-tls.js';
import type { KeepalivePolicy } from './keepalive.js';
import { outgoing } from './relayed-headers.js';

export interface ChannelOptions {
  readonly clock: Clock;
  readonly terms: ChannelTerms;
  readonly maxMessageBytes: number;
  readonly flowControlWindowBytes: number;
  readonly streamsPerConnection: number;
  readonly connectTimeoutMs: number;
  readonly tcpKeepAliveMs: number;
  readonly keepalive?: KeepalivePolicy | undefined;
  readonly userAgent: string;
}

/**
 * The network connections to one address. A call begins on one that is alive
 * and has room for it, else on a new one, whose host is looked up anew.
 */
export class ChannelConnections {
  readonly #address: ChannelAddress;
  readonly #security: ChannelSecurity | undefined;
  readonly #options: ChannelOptions;
  /** All that are not closed. */
  readonly #connections = new Set<ChannelConnection>();
  #wasReady = false;
  /** How many times as long as it was told it waits before it asks: each "too many pings" doubles it (gRFC A8). */
  #patience = 1;
  #closed = false;

  constructor(address: ChannelAddress, security: ChannelSecurity | undefined, options: ChannelOptions) {
    this.#address = address;
    this.#security = security;
    this.#options = options;
  }

  get address(): string {
    return this.#address.text;
  }

  /** Begins the call of a path, `/package.Service/Method`. What goes wrong is told by `events`, never thrown. */
  start(path: string, metadata: CallMetadata, events: ChannelCallEvents): ChannelCall {
    return this.#start(this.#headersOf(path, metadata), events);
  }

  /** Begins a call with the headers of another one. */
  relay(request: RelayRequest, events: ChannelCallEvents): ChannelCall {
    const { path, contentType, timeoutMs } = request;
    const deadlineAtMs = timeoutMs === undefined ? undefined : this.#options.clock.now() + timeoutMs;
    const headers = {
      'user-agent': this.#options.userAgent,
      ...outgoing(request.headers),
      ':method': constants.HTTP2_METHOD_POST,
      ':path': path,
      'content-type': contentType,
      te: 'trailers',
    };
    return this.#start(headers, events, deadlineAtMs);
  }

  #start(
    headers: OutgoingHttpHeaders | string,
    events: ChannelCallEvents,
    deadlineAtMs?: number,
  ): ChannelCall {
    const { clock } = this.#options;
    const call = new ChannelCall(typeof headers === 'string' ? {} : headers, clock, events, deadlineAtMs);
    if (typeof headers === 'string') call.endSoon({ status: GrpcStatus.INVALID_ARGUMENT, message: headers });
    else if (this.#closed) call.endSoon(CLOSED);
    else this.#place(call);
    return call;
  }

  /** Calls begin on new connections from now on. */
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

  #place(call: ChannelCall): void {
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      connection.add(call);
      return;
    }
    const { streamsPerConnection, keepalive } = this.#options;
    const connection = new ChannelConnection(this.#address, {
      ...this.#options,
      keepalive: keepalive && {
        ...keepalive,
        keepaliveIntervalMs: Math.min(MAX_TIMER_MS, keepalive.keepaliveIntervalMs * this.#patience),
      },
      onTooManyPings: () => {
        this.#patience *= 2;
      },
      security: this.#security,
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
  #headersOf(path: string, metadata: CallMetadata): OutgoingHttpHeaders | string {
    for (const [name, value] of Object.entries(metadata)) {
      // The value may be a secret: it is not shown.
      if (!METADATA_NAME.test(name) || !METADATA_VALUE.test(value))
        return `The metadata "${name}" can not be sent: names are of a-z, 0-9, "_", "-" and ".", values of printable ASCII.`;
    }
    return {
      ...metadata,
      ':method': constants.HTTP2_METHOD_POST,
      ':path': path,
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

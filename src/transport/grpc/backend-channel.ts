import type { Clock } from '../../core/clock.js';
import type {
  BackendConnector,
  BackendStream,
  ClientCall,
  DialBackend,
  RelayCall,
} from '../client-contract.js';
import { type ChannelAddress, parseChannelAddress } from './channel-address.js';
import { ChannelConnections, type ChannelOptions } from './channel-connections.js';
import { ChannelRelay } from './channel-relay.js';
import { notServed } from './channel-status.js';
import { ChannelBytesCall, ChannelStream } from './channel-stream.js';
import { BACKEND_TERMS } from './channel-terms.js';
import { ChannelSecurity, type ChannelTls } from './channel-tls.js';
import type { KeepalivePolicy } from './keepalive.js';

export interface BackendDialOptions {
  readonly clock: Clock;
  /** For addresses with `grpcs://`. Default: the authorities that Node trusts, and no certificate. */
  readonly tls?: ChannelTls;
  /** The largest message taken from a backend. */
  readonly maxMessageBytes: number;
  /** What may be on its way from a backend on one call. */
  readonly flowControlWindowBytes: number;
  readonly streamsPerConnection: number;
  /** TCP, TLS and HTTP/2 together. */
  readonly connectTimeoutMs: number;
  /** While there are calls, the backend is asked whether it is there. Default: never. */
  readonly keepalive?: KeepalivePolicy;
  readonly userAgent: string;
}

/** A backend that is gone without a word, its machine with it: TCP asks for it after so long a silence. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * Connects the gateway to backends over gRPC. What fails is not tried again
 * here, and is told in words that speak of a backend.
 * @throws TypeError for certificates and keys that can't be used.
 */
export function backendDial(options: BackendDialOptions): DialBackend {
  const security = new ChannelSecurity(options.tls ?? {}, BACKEND_TERMS);
  const channel: ChannelOptions = { ...options, tcpKeepAliveMs: TCP_KEEP_ALIVE_MS, terms: BACKEND_TERMS };
  return (text) => {
    const address = parseChannelAddress(text);
    return new BackendChannel(address, address.tls === true ? security : undefined, channel);
  };
}

/** The connections to one backend. */
class BackendChannel implements BackendConnector {
  readonly #connections: ChannelConnections;
  readonly #maxMessageBytes: number;

  constructor(address: ChannelAddress, security: ChannelSecurity | undefined, options: ChannelOptions) {
    this.#connections = new ChannelConnections(address, security, options);
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  get address(): string {
    return this.#connections.address;
  }

  stream(...[path, metadata, events]: Parameters<BackendConnector['stream']>): BackendStream {
    const spec = {
      method: 'StreamData',
      address: this.address,
      maxMessageBytes: this.#maxMessageBytes,
      terms: BACKEND_TERMS,
      elsewhere: () => notServed(this.address, path),
    } as const;
    return new ChannelStream(spec, events, (call) => this.#connections.start(path, metadata, call));
  }

  call(...[path, metadata, events]: Parameters<BackendConnector['call']>): ClientCall {
    return new ChannelBytesCall(this.address, this.#maxMessageBytes, BACKEND_TERMS, events, (call) =>
      this.#connections.start(path, metadata, call),
    );
  }

  relay(...[request, events]: Parameters<BackendConnector['relay']>): RelayCall {
    return new ChannelRelay(events, (call) => this.#connections.relay(request, call));
  }

  close(): void {
    this.#connections.close();
  }
}

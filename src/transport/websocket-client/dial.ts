import type { Clock } from '../../core/clock.js';
import type { ClientCall, ClientStream, Connector, Dial } from '../client-contract.js';
import { type PlatformWebSocket, platformWebSocket } from './platform-socket.js';
import { parseSocketAddress, type SocketAddress } from './socket-address.js';
import { SocketBytesCall } from './socket-bytes.js';
import { OpenCalls, type SocketOptions } from './socket-call.js';
import { socketRequest } from './socket-request.js';
import { SocketStream } from './socket-stream.js';

export interface WebSocketDialOptions {
  readonly clock: Clock;
  /** Default: the platform's. */
  readonly WebSocket?: PlatformWebSocket | undefined;
  /** How long a WebSocket may take to be open. */
  readonly connectTimeoutMs: number;
}

/**
 * Connects to gateways over WebSockets, one for each stream and call. Runs in a
 * browser; knows no Node.js.
 * @throws TypeError where the platform has no WebSocket, and none is given.
 */
export function webSocketDial({ WebSocket = platformWebSocket(), ...options }: WebSocketDialOptions): Dial {
  if (WebSocket === undefined) {
    throw new TypeError(
      'There is no WebSocket here (Node.js has one from version 22 on): give the option WebSocket',
    );
  }
  const { location } = globalThis as { location?: { readonly href: string } };
  return (text) =>
    new WebSocketConnector(parseSocketAddress(text, location?.href), {
      ...options,
      WebSocket,
      calls: new OpenCalls(),
    });
}

class WebSocketConnector implements Connector {
  readonly address: SocketAddress;
  readonly #options: SocketOptions;

  constructor(address: SocketAddress, options: SocketOptions) {
    this.address = address;
    this.#options = options;
  }

  stream(...[method, metadata, events]: Parameters<Connector['stream']>): ClientStream {
    const request = socketRequest(this.address, method, metadata);
    return new SocketStream(method, this.address, request, this.#options, events);
  }

  call(...[method, metadata, events]: Parameters<Connector['call']>): ClientCall {
    const request = socketRequest(this.address, method, metadata);
    return new SocketBytesCall(method, this.address, request, this.#options, events);
  }

  renew(): void {
    // Each call has a connection of its own.
  }

  close(): void {
    this.#options.calls.close();
  }
}

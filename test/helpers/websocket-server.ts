/** A plain HTTP server on a loopback port, over TLS where it has a certificate, whose upgrades become streams. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SystemClock } from '../../src/core/clock.js';
import type { StreamAcceptor } from '../../src/transport/contract.js';
import { peerOf } from '../../src/transport/net/socket-peer.js';
import {
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/transport/websocket/websocket-server.js';
import type { CertificatePair } from './certificates.js';

export interface ServedWebSockets {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly clock: SystemClock;
  readonly server: WebSocketServer;
  /** What receivers let escape. */
  readonly faults: readonly unknown[];
  /** The network fails: destroys every connection from this side. */
  breakConnections(): void;
  /** Destroys everything; resolves when the port and all sockets are closed. */
  close(): Promise<void>;
}

export async function serveWebSockets(
  accept: StreamAcceptor,
  options: Partial<WebSocketServerOptions> = {},
  pair?: CertificatePair,
): Promise<ServedWebSockets> {
  const clock = new SystemClock();
  const faults: unknown[] = [];
  const server = new WebSocketServer({
    accept,
    clock,
    maxMessageBytes: 5 * 1024 * 1024,
    pingIntervalMs: 0,
    pongTimeoutMs: 10_000,
    closeTimeoutMs: 5_000,
    onFault: (error) => void faults.push(error),
    ...options,
  });
  const http = pair === undefined ? createServer() : createSecureServer(pair);
  const sockets = new Set<Socket>();
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    server.upgrade({
      request,
      socket,
      head,
      peer: peerOf(request.socket),
      certificate: undefined,
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const breakConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(http.address() as AddressInfo).port}`,
    clock,
    server,
    faults,
    breakConnections,
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      server.stopAccepting();
      server.destroy();
      breakConnections();
      await closed;
      // The last 'close' of a socket comes right behind.
      while (server.size > 0) await new Promise(setImmediate);
    },
  };
}

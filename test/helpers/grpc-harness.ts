/** A grpc-js server on a loopback port whose streams are served by one of our two handlers. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { SystemClock } from '../../src/core/clock.js';
import type { StreamAcceptor } from '../../src/transport/contract.js';
import type { ProxyAcceptor } from '../../src/transport/proxy-contract.js';
import { attachDirectHandler } from '../../src/transport/grpc/direct-handler.js';
import { attachProxyHandler } from '../../src/transport/grpc/proxy-handler.js';
import { addStreamService, streamInterceptor } from '../../src/transport/grpc/stream-service.js';

export type HandlerKind = 'direct' | 'interceptor';

export interface GrpcHarnessOptions {
  readonly maxMessageBytes?: number;
  /** Takes the calls that it serves before all others. */
  readonly proxies?: ProxyAcceptor;
  /** Adds more services. */
  readonly prepare?: (server: Server) => void;
}

export interface GrpcHarness {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly clock: SystemClock;
  /** What receivers let escape. */
  readonly faults: readonly unknown[];
  readonly sockets: ReadonlySet<Socket>;
  /** The network fails: destroys every connection from this side. */
  breakConnections(): void;
  /** Destroys everything; resolves when the port and all sockets are closed. */
  close(): Promise<void>;
}

export async function startGrpcHarness(
  kind: HandlerKind,
  accept: StreamAcceptor,
  options: GrpcHarnessOptions = {},
): Promise<GrpcHarness> {
  const maxMessageBytes = options.maxMessageBytes ?? 5 * 1024 * 1024;
  const clock = new SystemClock();
  const faults: unknown[] = [];
  const handlerOptions = {
    accept,
    clock,
    maxMessageBytes,
    onFault: (error: unknown) => void faults.push(error),
  };
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    interceptors: kind === 'interceptor' ? [streamInterceptor(handlerOptions)] : [],
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  addStreamService(server);
  options.prepare?.(server);
  if (kind === 'direct') {
    const attached = attachDirectHandler(server, handlerOptions);
    if ('unsupported' in attached) throw new Error(attached.unsupported);
  }
  if (options.proxies !== undefined) {
    const attached = attachProxyHandler(server, {
      acceptor: options.proxies,
      clock,
      onFault: handlerOptions.onFault,
    });
    if ('unsupported' in attached) throw new Error(attached.unsupported);
  }
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const destroySockets = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    clock,
    faults,
    sockets,
    breakConnections: destroySockets,
    close: async () => {
      const closed = once(listener, 'close');
      listener.close();
      server.forceShutdown();
      destroySockets();
      await closed;
    },
  };
}

import { Server, ServerCredentials, type ConnectionInjector, type ServerInterceptor } from '@grpc/grpc-js';

import { StartError } from '../../core/start-error.js';
import type { StreamAcceptor } from '../contract.js';
import type { ProxyAcceptor } from '../proxy-contract.js';
import { boundedCalls } from './bounded-call.js';
import { attachDirectHandler } from './direct-handler.js';
import type { GrpcServerOptions } from './grpc-server-options.js';
import { attachProxyHandler } from './proxy-handler.js';
import { SERVED_PATHS } from './request-headers.js';
import type { StreamHandlerOptions } from './stream-options.js';
import { addStreamService, streamInterceptor } from './stream-service.js';

/** A grpc-js server that is fed with sockets and serves StreamService. */
export interface StreamServer {
  readonly server: Server;
  readonly injector: ConnectionInjector;
}

/**
 * The largest request of a service that is not a stream, where streams don't
 * come by grpc-js: health and reflection ask by name. Larger ones would be
 * inflated and parsed for nothing: 5 KB of gzip make 5 MiB. To be raised with
 * the first service beside StreamService that takes data.
 */
const MAX_REQUEST_BYTES = 64 * 1024;

/**
 * Makes the server, its streams served by the handler asked for. Our own one
 * needs a private part of grpc-js: without it grpc-js's handler serves, and one
 * log line says so. What proxies serve has no other way.
 * @throws StartError where there are proxies, and that part is not as it was.
 */
export function createStreamServer(
  options: GrpcServerOptions,
  accept: StreamAcceptor,
  proxies?: ProxyAcceptor,
): StreamServer {
  const { clock, forwarded, logger } = options;
  const onFault = (error: unknown): void => {
    logger.error({ err: error }, 'a stream was ended: its receiver threw');
  };
  const streams = withStreams(options, accept, onFault);
  if (proxies === undefined) return streams;
  const attached = attachProxyHandler(streams.server, { acceptor: proxies, clock, forwarded, onFault });
  if ('unsupported' in attached)
    throw new StartError(
      'proxies',
      `proxies: this version of @grpc/grpc-js has no known way to pass calls on (${attached.unsupported}).`,
    );
  return streams;
}

function withStreams(
  options: GrpcServerOptions,
  accept: StreamAcceptor,
  onFault: (error: unknown) => void,
): StreamServer {
  const { account, clock, forwarded, logger, maxMessageBytes, streamHandler, turn } = options;
  const handlerOptions: StreamHandlerOptions = {
    accept,
    account,
    clock,
    forwarded,
    turn,
    maxMessageBytes,
    onFault,
  };
  if (streamHandler === 'direct') {
    const direct = grpcJsServer(options, handlerOptions, Math.min(MAX_REQUEST_BYTES, maxMessageBytes));
    const attached = attachDirectHandler(direct.server, handlerOptions);
    if (!('unsupported' in attached)) return direct;
    logger.warn(
      { reason: attached.unsupported },
      "streams are served by grpc-js's handler instead of the direct one",
    );
  }
  return grpcJsServer(options, handlerOptions, maxMessageBytes);
}

function grpcJsServer(
  options: GrpcServerOptions,
  handlerOptions: StreamHandlerOptions,
  maxReceiveBytes: number,
): StreamServer {
  const streams = streamInterceptor(handlerOptions);
  const others = boundedCalls(options);
  // One in place of two in a row: both want to be next to the network.
  const interceptor: ServerInterceptor = (method, call) =>
    SERVED_PATHS.has(method.path) ? streams(method, call) : others(method, call);
  // Keepalive, idle time and age are not grpc-js's to judge: it does not see the streams we serve ourselves.
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': options.maxMessageBytes,
    interceptors: [interceptor],
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  addStreamService(server);
  return { server, injector };
}

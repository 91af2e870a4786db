import { Server, ServerCredentials, type ConnectionInjector, type ServerInterceptor } from '@grpc/grpc-js';

import type { StreamAcceptor } from '../contract.js';
import { boundedCalls } from './bounded-call.js';
import { attachDirectHandler } from './direct-handler.js';
import type { GrpcServerOptions } from './grpc-server-options.js';
import { STREAM_PATHS } from './request-headers.js';
import type { StreamHandlerOptions } from './stream-options.js';
import { addStreamService, streamInterceptor } from './stream-service.js';

/** A grpc-js server that is fed with sockets and serves StreamService. */
export interface StreamServer {
  readonly server: Server;
  readonly injector: ConnectionInjector;
}

/**
 * Makes the server, its streams served by the handler asked for. Our own one
 * needs a private part of grpc-js: without it grpc-js's handler serves, and one
 * log line says so.
 */
export function createStreamServer(options: GrpcServerOptions, accept: StreamAcceptor): StreamServer {
  const { clock, logger, maxMessageBytes, streamHandler } = options;
  const handlerOptions: StreamHandlerOptions = {
    accept,
    clock,
    maxMessageBytes,
    onFault: (error) => {
      logger.error({ err: error }, 'a stream was ended: its receiver threw');
    },
  };
  const streams = streamInterceptor(handlerOptions);
  const others = boundedCalls(options);
  // One in place of two in a row: both want to be next to the network.
  const interceptor: ServerInterceptor = (method, call) =>
    STREAM_PATHS.has(method.path) ? streams(method, call) : others(method, call);
  // Keepalive, idle time and age are not grpc-js's to judge: it does not see the streams we serve ourselves.
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    interceptors: [interceptor],
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  addStreamService(server);
  if (streamHandler === 'direct') {
    const attached = attachDirectHandler(server, handlerOptions);
    if ('unsupported' in attached) {
      logger.warn(
        { reason: attached.unsupported },
        "streams are served by grpc-js's handler instead of the direct one",
      );
    }
  }
  return { server, injector };
}

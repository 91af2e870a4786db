import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { GrpcStatus } from '../../core/errors.js';
import { Turn } from '../../core/turn.js';
import type { ServedMethod } from '../contract.js';
import { DirectStream, type DirectStreamContext } from './direct-stream.js';
import { FrameWriter } from './frame-writer.js';
import { attachFront, type Http2Front, nothing } from './http2-front.js';
import { isGrpcContentType, metadataOf, parseEncoding, SERVED_PATHS } from './request-headers.js';
import { Reads } from './reads.js';
import { checkRequest, refuse } from './request-check.js';
import type { StreamHandlerOptions } from './stream-options.js';

/**
 * Serves the calls of StreamService in front of grpc-js: takes them off the
 * HTTP/2 servers behind `server`'s ports and connection injectors (create
 * those first) and hands every other path to grpc-js. Those servers are a
 * private part of grpc-js: where they are not as expected nothing is touched
 * and the reason is returned. Never throws.
 *
 * grpc-js does not see the streams taken: its max_connection_idle_ms and
 * max_connection_age_ms must stay unset.
 */
export function attachDirectHandler(
  server: Server,
  options: StreamHandlerOptions,
): Http2Front | { readonly unsupported: string } {
  const turn = options.turn ?? new Turn(options.clock);
  const context: DirectStreamContext = {
    account: options.account,
    clock: options.clock,
    maxMessageBytes: options.maxMessageBytes,
    turn,
    reads: new Reads(turn),
    writer: new FrameWriter(options.maxMessageBytes),
    onFault: options.onFault ?? nothing,
  };
  return attachFront(server, (stream, headers) => {
    const method = SERVED_PATHS.get(headers[':path'] ?? '');
    if (method === undefined) return false;
    serve(stream, headers, method, options, context);
    return true;
  });
}

function serve(
  http2: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  method: ServedMethod,
  options: StreamHandlerOptions,
  context: DirectStreamContext,
): void {
  const { clock } = context;
  const request = checkRequest(http2, headers, options, isGrpcContentType);
  if (request === undefined) return;
  const encodingName = headers['grpc-encoding'];
  const encoding = parseEncoding(typeof encodingName === 'string' ? encodingName : undefined);
  if (encoding === undefined) {
    refuse(
      http2,
      clock,
      GrpcStatus.UNIMPLEMENTED,
      `Messages compressed with "${String(encodingName)}" can not be read.`,
    );
    return;
  }
  const stream = new DirectStream(
    http2,
    { ...request, method, metadata: metadataOf(headers), encoding },
    context,
  );
  stream.accept(options.accept);
}

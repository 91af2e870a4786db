import { EventEmitter } from 'node:events';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import type { Clock } from '../../core/clock.js';
import { GrpcStatus } from '../../core/errors.js';
import { Turn } from '../../core/turn.js';
import type { ServedMethod } from '../contract.js';
import { answerNextTurn } from './close-once-sent.js';
import { DirectStream, type DirectStreamContext } from './direct-stream.js';
import { FrameWriter } from './frame-writer.js';
import {
  formatPeer,
  isGrpcContentType,
  metadataOf,
  parseEncoding,
  parseTimeoutMs,
  SERVED_PATHS,
} from './request-headers.js';
import { Reads } from './reads.js';
import type { StreamHandlerOptions } from './stream-options.js';
import { RESPONSE_HEADERS, shortened, trailersOf } from './trailers.js';

export interface DirectHandler {
  /** Gives the HTTP/2 servers back as they were; open streams go on. */
  detach(): void;
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: string[],
) => void;

function nothing(): void {
  // Every error is followed by 'close', which is what we act on.
}

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
): DirectHandler | { readonly unsupported: string } {
  const http2Servers = findHttp2Servers(server);
  if (typeof http2Servers === 'string') return { unsupported: http2Servers };

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
  const detachments: (() => void)[] = [];
  for (const http2Server of http2Servers) {
    const theirs = http2Server.listeners('stream') as StreamListener[];
    const ours: StreamListener = (stream, headers, flags, raw) => {
      const method = SERVED_PATHS.get(headers[':path'] ?? '');
      if (method === undefined) {
        // Reset before it was seen: grpc-js would answer, and throw.
        if (stream.closed || stream.destroyed) {
          stream.on('error', nothing);
          return;
        }
        for (const listener of theirs) listener.call(http2Server, stream, headers, flags, raw);
      } else {
        serve(stream, headers, method, options, context);
      }
    };
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', ours);
    detachments.push(() => {
      if (!http2Server.listeners('stream').includes(ours)) return;
      http2Server.removeListener('stream', ours);
      for (const listener of theirs) http2Server.on('stream', listener);
    });
  }
  return {
    detach: () => {
      for (const detach of detachments.splice(0)) detach();
    },
  };
}

/** The HTTP/2 servers grpc-js listens with, or why they can't be used. */
function findHttp2Servers(server: Server): readonly EventEmitter[] | string {
  const map: unknown = (server as unknown as { readonly http2Servers?: unknown }).http2Servers;
  if (!(map instanceof Map)) return 'grpc-js keeps no map of its HTTP/2 servers (Server.http2Servers)';
  const servers: unknown[] = [...(map as Map<unknown, unknown>).keys()];
  if (servers.length === 0)
    return 'grpc-js has no HTTP/2 server yet: bind a port or create a connection injector first';
  const emitters = servers.filter((candidate) => candidate instanceof EventEmitter);
  if (emitters.length < servers.length) return 'what grpc-js keeps as HTTP/2 servers are no event emitters';
  if (emitters.some((emitter) => emitter.listenerCount('stream') === 0)) {
    return "grpc-js does not listen to 'stream' on its HTTP/2 servers";
  }
  return emitters;
}

function serve(
  http2: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  method: ServedMethod,
  options: StreamHandlerOptions,
  context: DirectStreamContext,
): void {
  const { clock } = context;
  http2.on('error', nothing);
  // HTTP/2 tells of a stream a tick after its headers came: a reset may have come with them.
  if (http2.closed || http2.destroyed) return;
  if (headers[':method'] !== 'POST') {
    answerNextTurn(http2, clock, { ':status': constants.HTTP_STATUS_METHOD_NOT_ALLOWED, allow: 'POST' });
    return;
  }
  if (!isGrpcContentType(headers['content-type'])) {
    answerNextTurn(http2, clock, { ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE });
    return;
  }
  const timeout = headers['grpc-timeout'];
  const timeoutMs = typeof timeout === 'string' ? parseTimeoutMs(timeout) : undefined;
  if (timeout !== undefined && timeoutMs === undefined) {
    refuse(http2, clock, GrpcStatus.INTERNAL, `Invalid grpc-timeout value "${String(timeout)}".`);
    return;
  }
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
  const socket = http2.session?.socket;
  const stream = new DirectStream(
    http2,
    {
      method,
      peer: formatPeer(socket?.remoteAddress, socket?.remotePort),
      metadata: metadataOf(headers),
      encoding,
      timeoutMs,
    },
    context,
  );
  stream.accept(options.accept);
}

/** `message` may repeat a header of the client's, which can be far longer than one of ours may be. */
function refuse(http2: ServerHttp2Stream, clock: Clock, code: number, message: string): void {
  answerNextTurn(http2, clock, { ...RESPONSE_HEADERS, ...trailersOf({ code, message: shortened(message) }) });
}

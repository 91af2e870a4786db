import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

export interface Http2Front {
  /** Gives the HTTP/2 servers back as they were; open streams go on. */
  detach(): void;
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: string[],
) => void;

/** False: the stream is not for it, and has not been touched. */
type TakeStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: readonly string[],
) => boolean;

export function nothing(): void {
  // Every error is followed by 'close', which is what we act on.
}

/**
 * Puts `take` before whoever serves the streams of the HTTP/2 servers behind
 * `server`'s ports and connection injectors (create those first). Those servers
 * are a private part of grpc-js: where they are not as expected nothing is
 * touched and the reason is returned. Never throws.
 */
export function attachFront(server: Server, take: TakeStream): Http2Front | { readonly unsupported: string } {
  const http2Servers = findHttp2Servers(server);
  if (typeof http2Servers === 'string') return { unsupported: http2Servers };
  const detachments: (() => void)[] = [];
  for (const http2Server of http2Servers) {
    const theirs = http2Server.listeners('stream') as StreamListener[];
    const ours: StreamListener = (stream, headers, flags, raw) => {
      if (take(stream, headers, raw)) return;
      // Reset before it was seen: grpc-js would answer, and throw.
      if (stream.closed || stream.destroyed) stream.on('error', nothing);
      else for (const listener of theirs) listener.call(http2Server, stream, headers, flags, raw);
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

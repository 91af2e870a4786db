import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import type { ProxyAcceptor } from '../proxy-contract.js';
import { attachFront, type Http2Front } from './http2-front.js';
import { Http2ProxiedStream } from './proxied-stream.js';
import { requestHeadersOf } from './relayed-headers.js';
import { type CheckOptions, checkRequest } from './request-check.js';

export interface ProxyHandlerOptions extends CheckOptions {
  readonly acceptor: ProxyAcceptor;
  /** Told of exceptions that a receiver let escape; the call has been ended INTERNAL. */
  readonly onFault: (error: unknown) => void;
}

/** gRPC with whatever codec: it is for client and backend to agree on. */
const CONTENT_TYPE = /^application\/grpc(?:\+[\w.+-]+)?(?:\s*;.*)?$/i;

/**
 * Takes the calls that the acceptor serves before anybody else does, as
 * `attachDirectHandler` those of StreamService. Never throws.
 */
export function attachProxyHandler(
  server: Server,
  options: ProxyHandlerOptions,
): Http2Front | { readonly unsupported: string } {
  return attachFront(server, (stream, headers, raw) => {
    const path = headers[':path'];
    if (path === undefined || !options.acceptor.serves(path)) return false;
    serve(stream, headers, raw, path, options);
    return true;
  });
}

function serve(
  http2: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: readonly string[],
  path: string,
  options: ProxyHandlerOptions,
): void {
  const { acceptor, clock, onFault } = options;
  const request = checkRequest(http2, headers, options, isAnyGrpc);
  if (request === undefined) return;
  const contentType = headers['content-type'] ?? '';
  const stream = new Http2ProxiedStream(
    http2,
    { ...request, path, headers: requestHeadersOf(raw), contentType },
    clock,
    onFault,
  );
  stream.accept(acceptor);
}

function isAnyGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && CONTENT_TYPE.test(contentType);
}

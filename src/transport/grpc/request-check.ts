import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../core/clock.js';
import { GrpcStatus } from '../../core/errors.js';
import { answerNextTurn } from './close-once-sent.js';
import { nothing } from './http2-front.js';
import type { ForwardedPeers } from '../net/forwarded.js';
import { connectionPeerOf } from './connection-peer.js';
import { parseTimeoutMs } from './request-headers.js';
import { RESPONSE_HEADERS, shortened, trailersOf } from './trailers.js';

/** What every call that we serve ourselves says of itself. */
export interface CheckedRequest {
  readonly peer: string;
  /** Of `grpc-timeout`; undefined where there is none. */
  readonly timeoutMs: number | undefined;
}

export interface CheckOptions {
  readonly clock: Clock;
  /** Where balancers name their clients in a header. */
  readonly forwarded?: ForwardedPeers | undefined;
}

/** Undefined: it is no call, or is gone, and has been answered. */
export function checkRequest(
  http2: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { clock, forwarded }: CheckOptions,
  isContentType: (value: string | undefined) => boolean,
): CheckedRequest | undefined {
  http2.on('error', nothing);
  // HTTP/2 tells of a stream a tick after its headers came: a reset may have come with them.
  if (http2.closed || http2.destroyed) return undefined;
  if (headers[':method'] !== 'POST') {
    answerNextTurn(http2, clock, { ':status': constants.HTTP_STATUS_METHOD_NOT_ALLOWED, allow: 'POST' });
    return undefined;
  }
  if (!isContentType(headers['content-type'])) {
    answerNextTurn(http2, clock, { ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE });
    return undefined;
  }
  const timeout = headers['grpc-timeout'];
  const timeoutMs = typeof timeout === 'string' ? parseTimeoutMs(timeout) : undefined;
  if (timeout !== undefined && timeoutMs === undefined) {
    refuse(http2, clock, GrpcStatus.INTERNAL, `Invalid grpc-timeout value "${String(timeout)}".`);
    return undefined;
  }
  return { peer: peerOf(http2, headers, forwarded), timeoutMs };
}

function peerOf(
  { session }: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  forwarded: ForwardedPeers | undefined,
): string {
  const peer = connectionPeerOf(session);
  if (forwarded === undefined) return peer;
  const value = headers[forwarded.header];
  return forwarded.peerOf(peer, typeof value === 'string' ? value : undefined);
}

/** `message` may repeat a header of the client's, which can be far longer than one of ours may be. */
export function refuse(http2: ServerHttp2Stream, clock: Clock, code: number, message: string): void {
  answerNextTurn(http2, clock, { ...RESPONSE_HEADERS, ...trailersOf({ code, message: shortened(message) }) });
}

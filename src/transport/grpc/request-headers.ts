import type { IncomingHttpHeaders } from 'node:http2';
import type { ServedMethod } from '../contract.js';

/** Where the calls of StreamService live, and which they are. */
export const SERVED_PATHS: ReadonlyMap<string, ServedMethod> = new Map([
  ['/sluice.v1.StreamService/StreamData', 'StreamData'],
  ['/sluice.v1.StreamService/StreamBatches', 'StreamBatches'],
  ['/sluice.v1.StreamService/Publish', 'Publish'],
  ['/sluice.v1.StreamService/Subscribe', 'Subscribe'],
  ['/sluice.v1.StreamService/Ingest', 'Ingest'],
]);

/** How incoming messages whose compressed flag is set are compressed. */
export type MessageEncoding = 'identity' | 'gzip' | 'deflate';

/** What `grpc-accept-encoding` says we read. */
export const ACCEPTED_ENCODINGS = 'identity,deflate,gzip';

/** grpc-timeout units in milliseconds (gRPC over HTTP/2, "TimeoutUnit"). */
const TIMEOUT_UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

/** A grpc-timeout in milliseconds, which may be a fraction; undefined when it is malformed. */
export function parseTimeoutMs(value: string): number | undefined {
  const match = TIMEOUT.exec(value);
  const unitMs = match?.[2] === undefined ? undefined : TIMEOUT_UNIT_MS.get(match[2]);
  if (match === null || unitMs === undefined) return undefined;
  return Number(match[1]) * unitMs;
}

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:\s*;.*)?$/i;

/** Whether the body is gRPC with protobuf messages; anything else is answered with HTTP 415. */
export function isGrpcContentType(value: string | undefined): boolean {
  return value !== undefined && CONTENT_TYPE.test(value);
}

/** The message encoding a `grpc-encoding` names; undefined when we can't read it. */
export function parseEncoding(value: string | undefined): MessageEncoding | undefined {
  switch (value) {
    case undefined:
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'deflate':
      return value;
    default:
      return undefined;
  }
}

/** Headers of HTTP and of the call mechanism, which are no metadata of the application. */
const RESERVED = new Set([
  'te',
  'content-type',
  'content-length',
  'accept-encoding',
  'host',
  'connection',
  'trailer',
]);

/** Whether a header is metadata a `TransportStream` shows: not reserved, not binary. */
export function isTextMetadata(name: string): boolean {
  return !name.startsWith(':') && !name.startsWith('grpc-') && !name.endsWith('-bin') && !RESERVED.has(name);
}

/** Request metadata as `TransportStream` shows it. */
export function metadataOf(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || !isTextMetadata(name)) continue;
    metadata.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  return metadata;
}

import { type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { GrpcStatus } from '../../core/errors.js';
import type { RelayedEnd, RelayedHeaders } from '../proxy-contract.js';
import { decodeGrpcMessage, encodeGrpcMessage } from './trailers.js';

/** Of one connection or of HTTP itself, so not for the next one (RFC 9113, section 8.2.2; RFC 9110, section 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

/**
 * Told apart from the metadata by the contract: the method, the deadline, the status. And `forwarded`
 * (RFC 7239): backends are told who is calling in x-forwarded-for, and could not tell a client's claim
 * here from a balancer's word.
 */
const NOT_OF_REQUESTS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'content-type',
  'forwarded',
  'grpc-timeout',
]);
const NOT_OF_ANSWERS: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'grpc-status', 'grpc-message']);

/** What of a request's raw headers goes on to its backend. */
export function requestHeadersOf(raw: readonly string[]): RelayedHeaders {
  return passedOn(raw, NOT_OF_REQUESTS);
}

/** What of an answer's raw headers goes on to its client. */
export function answerHeadersOf(raw: readonly string[]): RelayedHeaders {
  return passedOn(raw, NOT_OF_ANSWERS);
}

function passedOn(raw: readonly string[], without: ReadonlySet<string>): RelayedHeaders {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.startsWith(':') || without.has(name)) continue;
    headers.push([name, raw[at + 1] as string]);
  }
  return headers;
}

/** The end that raw trailers, or the headers of an answer that is a status alone, tell of; undefined where they have no status. */
export function relayedEndOf(raw: readonly string[]): RelayedEnd | undefined {
  const status = firstOf(raw, 'grpc-status');
  if (status === undefined) return undefined;
  return {
    status: /^\d{1,9}$/.test(status) ? Number(status) : GrpcStatus.UNKNOWN,
    message: decodeGrpcMessage(firstOf(raw, 'grpc-message') ?? ''),
    trailers: passedOn(raw, NOT_OF_ANSWERS),
  };
}

function firstOf(raw: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) if (raw[at] === name) return raw[at + 1];
  return undefined;
}

/** The status and the trailers, as HTTP/2 sends them. */
export function outgoingEnd({ status, message, trailers }: RelayedEnd): OutgoingHttpHeaders {
  return {
    'grpc-status': String(status),
    ...(message !== '' && { 'grpc-message': encodeGrpcMessage(message) }),
    ...outgoing(trailers),
  };
}

/** As HTTP/2 takes them: several of a name in its first one's place. */
export function outgoing(headers: RelayedHeaders): OutgoingHttpHeaders {
  // Without a prototype: "constructor" is a name like any other.
  const out = Object.create(null) as OutgoingHttpHeaders;
  for (const [name, value] of headers) {
    const before = out[name];
    if (before === undefined) out[name] = value;
    else if (SINGLE.has(name)) continue;
    else if (Array.isArray(before)) before.push(value);
    else out[name] = [before as string, value];
  }
  // Secrets are not for the tables of header compression, which outlive the call.
  return { ...out, [sensitiveHeaders]: SECRETS };
}

const SECRETS = ['authorization', 'cookie', 'proxy-authorization'];

/** Of which Node sends no second one, but throws; of those that come it takes the first, too. */
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** A `grpc-timeout` of at most eight digits (gRPC over HTTP/2, "Timeout"): as fine as fits, and never more than is left. */
export function grpcTimeout(leftMs: number): string {
  for (const [unit, unitMs] of TIMEOUT_UNITS) {
    const value = Math.floor(leftMs / unitMs);
    if (value <= 99_999_999) return `${Math.max(1, value)}${unit}`;
  }
  return '99999999H';
}

const TIMEOUT_UNITS = [
  ['u', 1e-3],
  ['m', 1],
  ['S', 1_000],
  ['M', 60_000],
  ['H', 3_600_000],
] as const;

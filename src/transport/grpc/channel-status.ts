import { constants, type IncomingHttpHeaders } from 'node:http2';
import { GrpcStatus } from '../../core/errors.js';
import { decodeStatusDetails, type StatusDetails } from '../../wire/status-details.js';
import type { CallEnd } from '../client-contract.js';
import { type ChannelTerms, GATEWAY_TERMS } from './channel-terms.js';
import { decodeGrpcMessage } from './trailers.js';

const ERROR_DOMAIN = 'sluice';

/** The end that trailers, or the headers of an answer without a body, tell of; undefined where they have no status. */
export function endOfTrailers(trailers: IncomingHttpHeaders): CallEnd | undefined {
  const text = first(trailers['grpc-status']);
  if (text === undefined) return undefined;
  const status = /^\d{1,9}$/.test(text) ? Number(text) : GrpcStatus.UNKNOWN;
  // Some say "OK" in words too.
  if (status === GrpcStatus.OK) return { status, message: '' };
  const details = readDetails(first(trailers['grpc-status-details-bin']));
  const told = decodeGrpcMessage(first(trailers['grpc-message']) ?? '');
  const message = told === '' ? (details.message ?? '') : told;
  const { reason, retryAfterMs } = details;
  return {
    status,
    message: message === '' ? `The call ended with ${statusName(status)}.` : message,
    ...(details.domain === ERROR_DOMAIN && reason !== undefined && reason !== '' && { code: reason }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** What there is to go by where a call ended without a status. */
export interface UntoldEnd {
  /** The headers of the answer, where there was one. */
  readonly headers: IncomingHttpHeaders | undefined;
  /** Of RST_STREAM; 0 where there was none. */
  readonly rstCode: number;
  /** The connection below is gone. */
  readonly lost: boolean;
}

/** How a call ended that was given no status (gRPC over HTTP/2, "HTTP2 Transport Mapping", and http-grpc-status-mapping.md). */
export function endWithoutStatus(
  address: string,
  { headers, rstCode, lost }: UntoldEnd,
  terms: ChannelTerms = GATEWAY_TERMS,
): CallEnd {
  if (headers !== undefined && !isGrpc(headers)) return notGrpc(address, headers, terms);
  if (lost)
    return {
      status: GrpcStatus.UNAVAILABLE,
      message: `The connection to ${address} was lost.`,
      broken: true,
    };
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return { status: GrpcStatus.UNAVAILABLE, message: `${address} takes no new call on this connection.` };
    case constants.NGHTTP2_CANCEL:
      return { status: GrpcStatus.CANCELLED, message: `${address} gave the call up.` };
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return {
        status: GrpcStatus.RESOURCE_EXHAUSTED,
        message:
          headers === undefined
            ? `${address} refused the call for too much of something (ENHANCE_YOUR_CALM): ${terms.names.metadataRoom}`
            : `${address} ended the call for too much of something (ENHANCE_YOUR_CALM).`,
      };
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return {
        status: GrpcStatus.PERMISSION_DENIED,
        message: `${address} finds this TLS connection too weak.`,
      };
    default:
      return {
        status: GrpcStatus.INTERNAL,
        message: `${address} ended the call without a gRPC status (RST_STREAM code ${rstCode}).`,
      };
  }
}

/** Whether this is the answer of a gRPC server. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  return statusOf(headers) === 200 && GRPC_CONTENT_TYPE.test(headers['content-type'] ?? '');
}

/** With whatever codec. Not gRPC-Web, whose trailers are in the body. */
const GRPC_CONTENT_TYPE = /^application\/grpc(?:[+;]|$)/i;

/** An answer that a server without gRPC gave, or a proxy in front of one. */
function notGrpc(address: string, headers: IncomingHttpHeaders, { peer, names }: ChannelTerms): CallEnd {
  const httpStatus = statusOf(headers);
  if (PROXY_STATUSES.has(httpStatus))
    return {
      status: GrpcStatus.UNAVAILABLE,
      message: `${address} answers with HTTP status ${httpStatus}: a proxy there can't reach the ${peer} now.`,
      failure: 'unreachable',
    };
  const what =
    httpStatus === 200 ? (headers['content-type'] ?? 'no content type') : `HTTP status ${httpStatus}`;
  return {
    status: HTTP_STATUSES[httpStatus] ?? GrpcStatus.UNKNOWN,
    message: `${address} speaks HTTP/2 and no gRPC (it answers with ${what}): name ${names.itsAddress}.`,
    failure: 'not-sluice',
  };
}

/** A server that speaks gRPC, and has no StreamService. */
export function notSluice(address: string): CallEnd {
  return {
    status: GrpcStatus.UNIMPLEMENTED,
    message: `${address} speaks gRPC and does not serve sluice.v1.StreamService: name a Sluice gateway's address.`,
    failure: 'not-sluice',
  };
}

/** A server that speaks gRPC, and does not serve what a backend does. */
export function notServed(address: string, path: string): CallEnd {
  return {
    status: GrpcStatus.UNIMPLEMENTED,
    message: `${address} speaks gRPC and does not serve ${path}: is it the backend's address, and is the service registered there?`,
    failure: 'not-sluice',
  };
}

const PROXY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const HTTP_STATUSES: Readonly<Record<number, number>> = {
  400: GrpcStatus.INTERNAL,
  401: GrpcStatus.UNAUTHENTICATED,
  403: GrpcStatus.PERMISSION_DENIED,
  404: GrpcStatus.UNIMPLEMENTED,
};

/** Node's types know it for responses of its own only. */
function statusOf({ ':status': status }: IncomingHttpHeaders): number {
  return Number(status ?? 200);
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function readDetails(base64: string | undefined): Partial<StatusDetails> {
  if (base64 === undefined) return {};
  try {
    return decodeStatusDetails(Buffer.from(base64, 'base64'));
  } catch {
    return {};
  }
}

function statusName(status: number): string {
  const name = Object.entries(GrpcStatus).find(([, value]) => value === status)?.[0];
  return name ?? `gRPC status ${status}`;
}

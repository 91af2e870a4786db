import type { OutgoingHttpHeaders } from 'node:http2';
import { GrpcStatus, SluiceError } from '../../core/errors.js';
import { encodeStatusDetails } from '../../wire/status-details.js';
import { ACCEPTED_ENCODINGS } from './request-headers.js';

/** Response headers of every accepted call. We never compress what we send. */
export const RESPONSE_HEADERS: OutgoingHttpHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-encoding': 'identity',
  'grpc-accept-encoding': ACCEPTED_ENCODINGS,
};

/**
 * The longest `grpc-message`, in UTF-16 units. Clients limit the size of
 * headers (8 KiB by default in grpc-core), and the message goes out twice: here,
 * up to three bytes a byte, and in the details.
 */
const MAX_MESSAGE_LENGTH = 500;

const LONE_SURROGATE = /\p{Surrogate}/gu;
/** Letters, digits and a few marks: most messages need no encoding. */
const PLAIN = /^\w(?:[\w .,:;()'/=-]*[\w.)])?$/;
const PERCENT = 0x25;
const utf8 = new TextEncoder();

/** A message for the status, not too long, and of whole characters. */
export function shortened(message: string): string {
  const text = message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
  return text.replace(LONE_SURROGATE, '\ufffd');
}

/**
 * Percent-encodes UTF-8 as `grpc-message` wants it: all but 0x20 to 0x7E, and
 * "%" (gRPC over HTTP/2, "Status-Message"); also a space at either end, which
 * no HTTP/2 header may have (RFC 9113, section 8.2.1).
 */
export function encodeGrpcMessage(message: string): string {
  if (PLAIN.test(message)) return message;
  const bytes = utf8.encode(message);
  let encoded = '';
  for (const [index, byte] of bytes.entries()) {
    const atAnEnd = index === 0 || index === bytes.length - 1;
    if (byte >= (atAnEnd ? 0x21 : 0x20) && byte <= 0x7e && byte !== PERCENT) {
      encoded += String.fromCharCode(byte);
    } else {
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    }
  }
  return encoded;
}

/** Percent-encoded UTF-8; what is not is taken as it is (gRPC over HTTP/2, "Status-Message"). */
export function decodeGrpcMessage(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** The status a call ends with, before it is written in the words of whoever sends it. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
  /** A serialized google.rpc.Status. */
  readonly details?: Uint8Array;
}

export const OK_STATUS: CallStatus = { code: GrpcStatus.OK, message: '' };

export const DEADLINE_STATUS: CallStatus = {
  code: GrpcStatus.DEADLINE_EXCEEDED,
  message: 'The deadline of the call has passed.',
};

/** `code` overrides the catalogue's where gRPC itself fixes the status. */
export function statusOf(error: SluiceError | undefined, code?: number): CallStatus {
  if (error === undefined) return OK_STATUS;
  const message = shortened(error.message);
  const told = message === error.message ? error : withMessage(error, message);
  return { code: code ?? error.grpcStatus, message, details: encodeStatusDetails(told) };
}

/** Only where it has to be: making an error costs a tenth of what refusing a stream does. */
function withMessage({ code, grpcStatus, retryAfterMs }: SluiceError, message: string): SluiceError {
  return new SluiceError(code, message, { grpcStatus, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** The trailers of a status; with RESPONSE_HEADERS in front, a whole trailers-only answer. */
export function trailersOf(status: CallStatus): OutgoingHttpHeaders {
  const trailers: OutgoingHttpHeaders = { 'grpc-status': String(status.code) };
  if (status.message !== '') trailers['grpc-message'] = encodeGrpcMessage(status.message);
  if (status.details !== undefined) {
    const { buffer, byteOffset, byteLength } = status.details;
    trailers['grpc-status-details-bin'] = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  }
  return trailers;
}

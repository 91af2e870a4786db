import { GrpcStatus, SluiceError } from '../core/errors.js';

// What every transport says in the same words.

/** The refusal of a message of `size` bytes, as sent or, with `what`, once inflated. */
export function tooLarge(size: number | string, maxMessageBytes: number, what = 'A message'): SluiceError {
  return new SluiceError(
    'MESSAGE_TOO_LARGE',
    `${what} of ${size} bytes is over the limit of ${maxMessageBytes} bytes (server.maxMessageSize).`,
  );
}

/** What a reader of ours threw, as the error a receiver is told. */
export function asUnreadable(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  return new SluiceError('INTERNAL', 'A message could not be read.', { cause: error });
}

/** gRPC's own status for it, "request cardinality violation" (grpc/grpc, doc/statuscodes.md). */
const CARDINALITY = { grpcStatus: GrpcStatus.UNIMPLEMENTED };

/** A second message of a call that has one request. */
export function manyRequests(): SluiceError {
  return new SluiceError(
    'INVALID_MESSAGE',
    'The call takes one request message, and more came.',
    CARDINALITY,
  );
}

/** The half-close of a call that has one request, without it. */
export function noRequest(): SluiceError {
  return new SluiceError(
    'INVALID_MESSAGE',
    'The call takes one request message, and none came.',
    CARDINALITY,
  );
}

/** The client's half-close came within a message. */
export function truncated(): SluiceError {
  return new SluiceError('INVALID_MESSAGE', 'The stream was half-closed in the middle of a message.');
}

/** A receiver of ours threw; its stream pays. */
export function receiverFault(): SluiceError {
  return new SluiceError('INTERNAL', 'The gateway failed on this stream; its log says more.');
}

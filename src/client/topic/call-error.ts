import { GrpcStatus } from '../../core/grpc-status.js';
import { errorText } from '../../core/error-text.js';
import type { CallEnd } from '../../transport/client-contract.js';
import type { CallMethod } from '../../transport/contract.js';
import type { CallHost, CallPlace } from './call-host.js';
import { ClientError } from '../client-error.js';

/** What the end of one of the calls that are no stream means. */
export function callError(host: CallHost, place: CallPlace, method: CallMethod, end: CallEnd): ClientError {
  const error = host.failed(place, end);
  if (end.status !== GrpcStatus.UNIMPLEMENTED || end.failure !== undefined) return error;
  return new ClientError(
    'NOT_SUPPORTED',
    `The gateway at ${place.connector.address} does not serve ${method}.`,
    {
      cause: error,
    },
  );
}

/** The gateway answered with bytes that are not the answer. */
export function unreadable(place: CallPlace, method: CallMethod, cause: unknown): ClientError {
  return new ClientError(
    'PROTOCOL_VIOLATION',
    `The answer of ${place.connector.address} to ${method} can't be read: ${errorText(cause)}`,
    { cause },
  );
}

import { GrpcStatus, SluiceError } from '../core/errors.js';
import type { CallEnd, RelayEnd } from '../transport/client-contract.js';
import type { RelayedEnd } from '../transport/proxy-contract.js';
import { encodeStatusDetails } from '../wire/status-details.js';
import type { ScanFault } from './message-scanner.js';

/** An end of the gateway's own, with its code and perhaps when to come again in the details. */
export function endOf(error: SluiceError): RelayedEnd {
  const details = Buffer.from(encodeStatusDetails(error)).toString('base64');
  return {
    status: error.grpcStatus,
    message: error.message,
    trailers: [['grpc-status-details-bin', details]],
  };
}

/** What a backend's call ended with, where the backend has said nothing: without its address, which is nobody's business. */
export function endWithoutWord({ status, message }: RelayEnd, failure: CallEnd): RelayedEnd | SluiceError {
  if (failure.failure === 'not-sluice')
    return { status, message: 'The backend is no gRPC server.', trailers: [] };
  if (failure.broken === true)
    return new SluiceError('UPSTREAM_UNAVAILABLE', 'The connection to the backend was lost.', {
      cause: message,
    });
  if (status === GrpcStatus.UNAVAILABLE)
    return new SluiceError('UPSTREAM_UNAVAILABLE', 'The backend can not be reached.', { cause: message });
  return { status, message: 'The backend ended the call without a gRPC status.', trailers: [] };
}

/** Why a message was not passed on. */
export function errorOfFault(
  fault: ScanFault,
  from: 'client' | 'backend',
  proxy: string,
  maxMessageBytes: number,
): SluiceError {
  if (fault.kind === 'too-large')
    return new SluiceError(
      'MESSAGE_TOO_LARGE',
      `A message of the ${from} of ${fault.sizeBytes} bytes is over the limit of ${maxMessageBytes} bytes (proxies.${proxy}.maxMessageSize).`,
    );
  return new SluiceError(
    'INVALID_MESSAGE',
    `A gRPC message begins with a compressed flag of 0 or 1, and one of the ${from} with ${fault.flag}.`,
    { grpcStatus: GrpcStatus.INTERNAL },
  );
}

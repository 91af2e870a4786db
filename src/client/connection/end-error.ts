import { errorAdvice, type RetryAdvice } from '../../core/error-advice.js';
import { GrpcStatus } from '../../core/grpc-status.js';
import type { CallEnd, ConnectFailure } from '../../transport/client-contract.js';
import { PROTOCOL_VERSION } from '../../wire/messages.js';
import { ClientError, type ClientErrorCode } from '../client-error.js';

const CODE_OF_FAILURE: Readonly<Record<ConnectFailure, ClientErrorCode>> = {
  unreachable: 'UNREACHABLE',
  'tls-mismatch': 'TLS_MISMATCH',
  certificate: 'BAD_CERTIFICATE',
  'not-sluice': 'NOT_SLUICE',
};

/** What a status without a code means: some proxy between us and the gateway gave it. */
const CODE_OF_STATUS: Readonly<Partial<Record<number, string>>> = {
  [GrpcStatus.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [GrpcStatus.PERMISSION_DENIED]: 'PERMISSION_DENIED',
  [GrpcStatus.UNIMPLEMENTED]: 'NOT_SLUICE',
};

/** Statuses that the same call will meet again, where a code from the future does not say more. */
const FINAL_STATUSES: readonly number[] = [
  GrpcStatus.INVALID_ARGUMENT,
  GrpcStatus.NOT_FOUND,
  GrpcStatus.ALREADY_EXISTS,
  GrpcStatus.PERMISSION_DENIED,
  GrpcStatus.FAILED_PRECONDITION,
  GrpcStatus.OUT_OF_RANGE,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.UNAUTHENTICATED,
];

/** What the end of a call, or of a stream, means that did not end because this side wanted it to. */
export function endError(end: CallEnd, address: string): ClientError {
  const { status, message, code, retryAfterMs, failure } = end;
  const common = { scope: 'connection', ...(retryAfterMs !== undefined && { retryAfterMs }) } as const;
  if (failure !== undefined) return new ClientError(CODE_OF_FAILURE[failure], message, common);
  if (code !== undefined && code !== '') {
    const known = Object.hasOwn(errorAdvice, code);
    return new ClientError(code, message, { ...common, ...(!known && { retry: adviceOfStatus(status) }) });
  }
  if (status === GrpcStatus.OK) {
    return new ClientError('CONNECTION_LOST', `The gateway at ${address} ended the connection.`, common);
  }
  const ofStatus = CODE_OF_STATUS[status];
  if (ofStatus !== undefined) return new ClientError(ofStatus, message, common);
  const lost = `The connection to ${address} was lost`;
  const said = message === '' ? `gRPC status ${status}` : message;
  // Of a network that broke the transport says no more than that itself.
  return new ClientError('CONNECTION_LOST', said === `${lost}.` ? said : `${lost}: ${said}`, {
    ...common,
    // Somebody has thought about it and refused; a network that broke has not.
    ...(status === GrpcStatus.RESOURCE_EXHAUSTED && { retry: 'backoff' }),
  });
}

/** The gateway's Welcome names a version of the protocol that this client does not know. */
export function newerProtocol(address: string, version: number): ClientError {
  return new ClientError(
    'NEWER_PROTOCOL',
    `The gateway at ${address} speaks version ${version} of the protocol, this client ${PROTOCOL_VERSION}: upgrade the client.`,
  );
}

function adviceOfStatus(status: number): RetryAdvice {
  return FINAL_STATUSES.includes(status) ? 'never' : 'backoff';
}

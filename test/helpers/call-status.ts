import type { StatusObject } from '@grpc/grpc-js';
import { decodeStatusDetails, type StatusDetails } from '../../src/wire/status-details.js';

/** The google.rpc.Status a call ended with; fails where there is none. */
export function detailsOf(status: StatusObject): StatusDetails {
  const [details] = status.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(details)) {
    throw new Error(`no details came with the status ${status.code}: ${status.details}`);
  }
  return decodeStatusDetails(details);
}

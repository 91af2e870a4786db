import { Metadata, type ServerErrorResponse, type status } from '@grpc/grpc-js';

/**
 * A status with details, as gRPC services give them: `google.rpc.Status` under
 * `grpc-status-details-bin`, here with its code and message alone.
 */
export function refusal(code: status, details: string): ServerErrorResponse {
  const metadata = new Metadata();
  const text = Buffer.from(details);
  // Field 1, the code; field 2, the message, which is shorter than 128 bytes.
  metadata.set('grpc-status-details-bin', Buffer.from([0x08, code, 0x12, text.length, ...text]));
  return Object.assign(new Error(details), { code, details, metadata });
}

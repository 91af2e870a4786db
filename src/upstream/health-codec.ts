import { Reader } from '../wire/reader.js';
import { textFieldSize, writeTextField } from '../wire/writer.js';

/** The method of https://github.com/grpc/grpc/blob/master/doc/health-checking.md. */
export const HEALTH_WATCH_PATH = '/grpc.health.v1.Health/Watch';

/** What a backend says of itself. */
export type ServingStatus = 'unknown' | 'serving' | 'not-serving' | 'service-unknown';

/** `ServingStatus` of grpc.health.v1, by number. */
const STATUSES: readonly ServingStatus[] = ['unknown', 'serving', 'not-serving', 'service-unknown'];

const TAG_SERVICE = 0x0a;
const TAG_STATUS = 0x08;

/** A grpc.health.v1.HealthCheckRequest. */
export function encodeHealthRequest(service: string): Uint8Array {
  if (service === '') return new Uint8Array(0);
  const target = new Uint8Array(textFieldSize(service));
  writeTextField(target, 0, TAG_SERVICE, service);
  return target;
}

/** Of a grpc.health.v1.HealthCheckResponse; what is not known counts as `unknown`. Throws for what is none. */
export function decodeHealthStatus(body: Uint8Array): ServingStatus {
  const reader = new Reader();
  reader.set(body, 0, body.length);
  let status: ServingStatus = 'unknown';
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_STATUS) status = STATUSES[reader.uint53('status')] ?? 'unknown';
    else reader.skip(tag, at, undefined);
  }
  return status;
}

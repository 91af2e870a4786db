import type { ServiceDefinition } from '@grpc/grpc-js';
import { Reader } from '../../wire/reader.js';
import { encodeFields } from './encode-fields.js';

// grpc.health.v1, as https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto
// has it. By hand: the library that reads the file takes longer to load than the rest of gRPC.

export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

export interface HealthRequest {
  readonly service: string;
}
export interface HealthResponse {
  readonly status: ServingStatus;
}
export interface HealthListResponse {
  readonly statuses: Readonly<Record<string, HealthResponse>>;
}

const STATUS_NUMBERS: Readonly<Record<ServingStatus, number>> = {
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3,
};

const TAG_1_VARINT = 0x08;
const TAG_1 = 0x0a;
const TAG_2 = 0x12;

/** What the server reads and writes; the client's half is not used here. */
export const HEALTH_SERVICE = {
  check: method('Check', false, decodeRequest, encodeResponse),
  watch: method('Watch', true, decodeRequest, encodeResponse),
  list: method('List', false, () => ({}), encodeList),
} satisfies ServiceDefinition;

function method<Request, Response>(
  name: string,
  responseStream: boolean,
  requestDeserialize: (bytes: Buffer) => Request,
  responseSerialize: (response: Response) => Buffer,
) {
  return {
    path: `/grpc.health.v1.Health/${name}`,
    requestStream: false,
    responseStream,
    requestDeserialize,
    responseSerialize,
    requestSerialize: unused,
    responseDeserialize: unused,
  };
}

function unused(): never {
  throw new Error('the health service is served here, not called');
}

/** Throws INVALID_MESSAGE for what is none. */
function decodeRequest(body: Buffer): HealthRequest {
  const reader = new Reader();
  reader.set(body, 0, body.length);
  let service = '';
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_1) service = reader.text('service');
    else reader.skip(tag, at, undefined);
  }
  return { service };
}

function encodeResponse({ status }: HealthResponse): Buffer {
  return encodeFields([[TAG_1_VARINT, STATUS_NUMBERS[status]]]);
}

/** A map is repeated entries of key and value. */
function encodeList({ statuses }: HealthListResponse): Buffer {
  return encodeFields(
    Object.entries(statuses).map(([name, response]) => {
      const entry = encodeFields([
        [TAG_1, name],
        [TAG_2, encodeResponse(response)],
      ]);
      return [TAG_1, entry];
    }),
  );
}

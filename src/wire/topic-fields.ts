/**
 * The scalar fields of the messages of Subscribe, Publish and Ingest as
 * proto/sluice/v1/stream.proto numbers them. Data, not code, as the actions of
 * `Control` are: one table serves every form they are written in.
 */
import type { KindFor } from './field-codec.js';
import type { IngestSummary, PublishRequest, PublishResponse, SubscribeRequest } from './topic-messages.js';

type Scalars<T, Maps extends keyof T = never> = {
  readonly [K in Exclude<keyof T, Maps>]-?: readonly [number: number, kind: KindFor<T[K]>];
};

export const subscribeTable = {
  topic: [1, 'text'],
  afterSequence: [2, 'uint53'],
  history: [3, 'uint32'],
  overflow: [4, 'enum'],
} as const satisfies Scalars<SubscribeRequest>;

/** `aggregates` is field 4. */
export const summaryTable = {
  messages: [1, 'uint53'],
  bytes: [2, 'uint53'],
  rejected: [3, 'uint53'],
} as const satisfies Scalars<IngestSummary, 'aggregates'>;

/** `metadata` is field 4. */
export const publishTable = {
  topic: [1, 'text'],
  data: [2, 'bytes'],
  key: [3, 'text'],
  idempotencyKey: [5, 'text'],
  ttlMs: [6, 'uint32'],
} as const satisfies Scalars<PublishRequest, 'metadata'>;

export const responseTable = {
  sequence: [1, 'uint53'],
  subscribers: [2, 'uint32'],
  duplicate: [3, 'bool'],
} as const satisfies Scalars<PublishResponse>;

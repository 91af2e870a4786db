import type { ServedMethod } from './contract.js';

/**
 * What a gRPC message of one direction of a call is:
 *
 * - `message`: a DataMessage
 * - `batch`: a DataBatch
 * - `body`: something else, which stands as it is in the `data` of a DataMessage
 * - `request`: the same, and exactly one has to come
 */
export type Framing = 'message' | 'batch' | 'body' | 'request';

/** What clients send. */
export const REQUEST_FRAMING: Readonly<Record<ServedMethod, Framing>> = {
  StreamData: 'message',
  StreamBatches: 'batch',
  Publish: 'request',
  Subscribe: 'request',
  Ingest: 'message',
};

/** What the gateway sends. */
export const RESPONSE_FRAMING: Readonly<Record<ServedMethod, Framing>> = {
  StreamData: 'message',
  StreamBatches: 'batch',
  Publish: 'body',
  Subscribe: 'message',
  Ingest: 'body',
};

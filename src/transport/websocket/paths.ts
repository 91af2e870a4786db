import type { ServedMethod } from '../contract.js';

/** Where a WebSocket is opened, and which call it is then. */
export const WEBSOCKET_PATHS: ReadonlyMap<string, ServedMethod> = new Map([
  ['/v1/stream', 'StreamData'],
  ['/v1/batches', 'StreamBatches'],
  ['/v1/publish', 'Publish'],
  ['/v1/subscribe', 'Subscribe'],
  ['/v1/ingest', 'Ingest'],
]);

import { SluiceError } from '../core/errors.js';
import { errorBody, errorHeaders, Refusal } from './refusal.js';

const RETRY_MS = 5_000;

/** What a connection too many is answered with, whatever it came to ask: written once, for all of a burst. */
export function socketRefusal(maxSockets: number): Buffer {
  const error = new SluiceError(
    'CONNECTION_LIMIT',
    `edge.maxSockets = ${maxSockets} network connections are open: try again later`,
    { retryAfterMs: RETRY_MS },
  );
  const refusal = new Refusal(error);
  const body = JSON.stringify(errorBody(error));
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    connection: 'close',
    ...errorHeaders(refusal),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(
    `HTTP/1.1 ${refusal.status} Service Unavailable\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
  );
}

import { STATUS_CODES } from 'node:http';
import { errorBody, errorHeaders, type Refusal } from './refusal.js';

/** A refusal as it goes over the network, where there is no response to write it: the connection ends with it. */
export function rawAnswer(refusal: Refusal): string {
  const { status, error } = refusal;
  const body = JSON.stringify(errorBody(error));
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    connection: 'close',
    ...errorHeaders(refusal),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

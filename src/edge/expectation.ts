import type { IncomingMessage } from 'node:http';
import { quoted } from '../core/printable.js';
import { invalid, type Refusal } from './refusal.js';

type Expecting = Pick<IncomingMessage, 'headers' | 'httpVersion'>;

/** Whether it waits to be told to send its body (RFC 9110 section 10.1.1): the value is case-insensitive, HTTP/1.0 has none. */
export function expectsContinue({ headers, httpVersion }: Expecting): boolean {
  return httpVersion !== '1.0' && headers.expect?.toLowerCase() === '100-continue';
}

/** What refuses a request that expects anything else; undefined for all others. */
export function unmetExpectation(request: Expecting): Refusal | undefined {
  const { expect } = request.headers;
  if (expect === undefined || request.httpVersion === '1.0' || expectsContinue(request)) return undefined;
  return invalid(`header expect is ${quoted(expect)}: 100-continue is all that can be expected here`, 417);
}

import type { Socket } from 'node:net';
import { SluiceError } from '../core/errors.js';
import { errorBody, invalid } from './refusal.js';

/** What a request that is none, or did not come in time, is answered with: written by hand, for there is no response. */
export function answerParserError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  settings: ParserSettings,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { error: said, status, reason } = refusalOf(error, settings);
  const body = JSON.stringify(errorBody(said));
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'content-type: application/json; charset=utf-8',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => {
    socket.destroy();
  });
}

export interface ParserSettings {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

function refusalOf(
  { code, message }: NodeJS.ErrnoException,
  { headersTimeoutMs, requestTimeoutMs, maxHeaderBytes }: ParserSettings,
): { readonly error: SluiceError; readonly status: number; readonly reason: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        error: invalid(`the headers take more than ${maxHeaderBytes} bytes (edge.maxHeaderSize)`).error,
        status: 431,
        reason: 'Request Header Fields Too Large',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT': {
      const error = new SluiceError(
        'RECEIVE_TIMEOUT',
        `no whole request came in time (edge.headersTimeout = ${headersTimeoutMs} ms for its headers, ` +
          `edge.requestTimeout = ${requestTimeoutMs} ms for all of it)`,
      );
      return { error, status: 408, reason: 'Request Timeout' };
    }
    default: {
      const what = code?.startsWith('HPE_') === true ? `: ${message.replace(/^Parse Error: /, '')}` : '';
      return {
        error: invalid(`this is no request of HTTP/1.1${what}`).error,
        status: 400,
        reason: 'Bad Request',
      };
    }
  }
}

import type { Socket } from 'node:net';
import { SluiceError } from '../core/errors.js';
import { rawAnswer } from './raw-answer.js';
import { invalid, Refusal } from './refusal.js';

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
  socket.end(rawAnswer(refusalOf(error, settings)), () => {
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
): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return invalid(`the headers take more than ${maxHeaderBytes} bytes (edge.maxHeaderSize)`, 431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal(
        new SluiceError(
          'RECEIVE_TIMEOUT',
          `no whole request came in time (edge.headersTimeout = ${headersTimeoutMs} ms for its headers, ` +
            `edge.requestTimeout = ${requestTimeoutMs} ms for all of it)`,
        ),
      );
    default: {
      const what = code?.startsWith('HPE_') === true ? `: ${message.replace(/^Parse Error: /, '')}` : '';
      return invalid(`this is no request of HTTP/1.1${what}`);
    }
  }
}

import type { Socket } from 'node:net';
import { SluiceError } from '../core/errors.js';
import { rawAnswer } from './raw-answer.js';
import { invalid, Refusal } from './refusal.js';

export interface ParserErrorOptions {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** False where it would be taken for the answer to another request: the connection is closed without. */
  readonly mayAnswer: boolean;
  /** Told of those that did not come in time, which may be many: all else is its sender's affair. */
  readonly onLate: (error: SluiceError) => void;
}

/** What a request that is none, or did not come in time, is answered with: written by hand, for there is no response. */
export function answerParserError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  options: ParserErrorOptions,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error, options);
  if (refusal.error.code === 'RECEIVE_TIMEOUT') options.onLate(refusal.error);
  if (!options.mayAnswer) {
    socket.destroy();
    return;
  }
  socket.end(rawAnswer(refusal), () => {
    socket.destroy();
  });
}

function refusalOf(
  { code, message }: NodeJS.ErrnoException,
  { headersTimeoutMs, requestTimeoutMs, maxHeaderBytes }: ParserErrorOptions,
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

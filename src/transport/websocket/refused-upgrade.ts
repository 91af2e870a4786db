import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SluiceError } from '../../core/errors.js';

/**
 * Answers an upgrade with an error as every HTTP answer of the gateway says
 * one, and closes the connection: whoever spoke something else has no more to say.
 */
export function refuseUpgrade(
  socket: Duplex,
  error: SluiceError,
  status: number = error.entry.httpStatus,
  headers: readonly string[] = [],
): void {
  const { code, message, retryAfterMs } = error;
  const body = JSON.stringify({
    error: { code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) },
  });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterMs === undefined ? [] : [`Retry-After: ${Math.ceil(retryAfterMs / 1_000)}`]),
    ...headers,
  ];
  // A client that has gone makes an error of it, which is nobody's.
  socket.on('error', () => undefined);
  socket.once('finish', () => {
    socket.destroy();
  });
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

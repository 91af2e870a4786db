import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.js';
import { expectsContinue } from './expectation.js';

/** How long, and how much of, a body that nobody wants is taken from the network. */
const LINGER_MS = 1_000;
const MAX_DISCARDED_BYTES = 1024 * 1024;

/** Whether some of the request's body has not been read. */
export function hasUnreadBody(request: IncomingMessage): boolean {
  const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
  return !request.complete && (coding !== undefined || (length ?? '0') !== '0');
}

/**
 * Answers a request whose body is not wanted, and closes the connection: to
 * reach the next request all of the body would have to be taken. Closed at once,
 * with bytes still coming, the system would reset the connection, and the client
 * might never see the answer (RFC 9112 section 9.6); so some are discarded first.
 */
export function answerAndClose(
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  // Its client has gone meanwhile, and 'close' with it.
  if (response.destroyed) return;
  response.on('error', ignoreError);
  request.on('error', ignoreError);
  response.writeHead(status, { ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) });
  // It waits for a word of ours before it sends the body, and this was it: who wants the body says 100, and reads.
  if (expectsContinue(request) && request.readableFlowing === null) {
    response.end(body);
    return;
  }
  response.write(body);
  let discarded = 0;
  const finish = (): void => {
    timer.cancel();
    request.off('data', onData).off('end', finish);
    if (!response.writableEnded) response.end();
  };
  const onData = (chunk: Buffer): void => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) finish();
  };
  const timer = clock.setTimeout(finish, LINGER_MS);
  response.once('close', finish);
  request.on('data', onData).once('end', finish);
  request.resume();
}

function ignoreError(): void {
  // 'close' follows.
}

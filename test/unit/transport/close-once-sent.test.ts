import { once } from 'node:events';
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { answerNextTurn } from '../../../src/transport/grpc/close-once-sent.js';

describe('answerNextTurn', () => {
  const clock = new SystemClock();
  const server = createServer();
  let address: string;

  beforeEach(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    server.removeAllListeners('stream');
    server.close();
    await once(server, 'close');
    expect(clock.activeTimers).toBe(0);
  });

  // One turn may read far more requests than may be open: answered within it they would never be too many.
  test.each([true, false])('not in the turn of the request (request complete: %s)', async (endStream) => {
    const order: string[] = [];
    server.on('stream', (stream: ServerHttp2Stream) => {
      answerNextTurn(stream, clock, { ':status': 405 }, () => {
        order.push('answer');
      });
      queueMicrotask(() => order.push(`microtask, answered: ${stream.headersSent}`));
      process.nextTick(() => order.push(`tick, answered: ${stream.headersSent}`));
    });
    const session = connect(address);
    const request = session.request({ ':method': 'POST' }, { endStream });
    const closed = once(request, 'close');
    const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
    expect(headers[':status']).toBe(405);
    expect(order.at(-1)).toBe('answer');
    expect(order.slice(0, -1).sort()).toEqual(['microtask, answered: false', 'tick, answered: false']);
    request.resume();
    await closed;
    expect(request.rstCode).toBe(0);
    session.close();
  });

  test('not at all when the stream has closed by then', async () => {
    let answered = false;
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      answerNextTurn(stream, clock, { ':status': 405 }, () => {
        answered = true;
      });
      stream.close(8);
    });
    const session = connect(address);
    const request = session.request({ ':method': 'POST' });
    request.on('error', () => undefined);
    await new Promise((resolve) => {
      request.on('close', resolve);
    });
    expect(request.rstCode).toBe(8);
    expect(answered).toBe(false);
    session.close();
  });
});

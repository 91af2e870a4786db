import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it, type TestContext } from 'vitest';
import { RawHttp, startEdge } from '../helpers/edge-world.js';

const SOCKETS = 60;
const LIMIT = '2s';

interface Slow {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
}

/** Sends `bytes` one after the other, and reads nothing of what it is told. */
async function dripping(context: TestContext, address: string, bytes: string): Promise<Slow> {
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: '127.0.0.1', port: Number(address.slice(colon + 1)) });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.resume();
  // At once: who has said nothing is not late with it.
  socket.write(bytes.charAt(0));
  await once(socket, 'connect');
  let sent = 1;
  const timer = setInterval(() => {
    if (sent < bytes.length && socket.writable) socket.write(bytes.charAt(sent++));
  }, 20);
  void closed.then(() => {
    clearInterval(timer);
  });
  context.onTestFinished(() => {
    socket.destroy();
  });
  return { socket, closed };
}

it('those who send a byte now and then are closed at both doors, and nobody else suffers', async (context) => {
  await using under = await startEdge({
    'server.handshakeTimeout': LIMIT,
    'edge.headersTimeout': LIMIT,
    'edge.requestTimeout': LIMIT,
  });
  const edge = under.edge.slice('http://'.length);
  const slow = await Promise.all(
    Array.from({ length: SOCKETS }, (_, n) =>
      n % 2 === 0
        ? dripping(context, under.address, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`.padEnd(500, '\0'))
        : dripping(
            context,
            edge,
            `GET /v1/topics/news/a HTTP/1.1\r\nhost: a\r\n${'x-slow: 1\r\n'.repeat(50)}`,
          ),
    ),
  );
  // Of which a body is announced that never comes.
  await using answered = new RawHttp(under.edge);
  answered.say('GET /v1/topics/news/b HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n');
  const left = new Set(slow);
  for (const each of slow) {
    void each.closed.then(() => left.delete(each));
  }
  let published = 0;
  while (left.size > 0) {
    const answer = await fetch(`${under.edge}/v1/topics/news/a`, { method: 'POST', body: 'all is well' });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    published += 1;
  }
  expect(published).toBeGreaterThan(0);
  expect(under.gateway.metrics.connectionsRejected.get('RECEIVE_TIMEOUT')).toBe(SOCKETS / 2);
  // What has begun is not told anything in the midst of it.
  expect(await answered.closed).toMatch(/^HTTP\/1\.1 200 (?:(?!HTTP)[^])*$/);
  expect(under.gateway.metrics.handshakeTimeouts + under.gateway.metrics.handshakeFailures).toBe(SOCKETS / 2);
});

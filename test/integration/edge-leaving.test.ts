/** The HTTP edge when it leaves, when its readers are slow, and over TLS. */
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { Following, RawHttp, startEdge } from '../helpers/edge-world.js';

it('a drain ends the events, says when to come again and no error, and nothing is left', async () => {
  await using under = await startEdge({ 'edge.events.retry': '400ms' });
  await using following = await Following.at(`${under.edge}/v1/topics/news/x`);
  await fetch(`${under.edge}/v1/topics/news/x`, { method: 'POST', body: 'last' }).then((said) => said.text());
  expect((await following.next()).data).toBe('last');
  // The Welcome's: what is said from here on, the drain says.
  expect(following.parser.retryMs).toBe(400);
  following.parser.retryMs = undefined;
  const stopping = under.gateway.stop();
  expect(await following.ended()).toMatchObject([{ event: 'message', data: 'last' }]);
  expect(following.parser.retryMs).toBeLessThanOrEqual(400);
  await stopping;
});

it('while it drains requests are refused, their connections closed', async () => {
  await using under = await startEdge();
  await using raw = new RawHttp(under.edge);
  raw.say(
    'GET / HTTP/1.1\r\nhost: x\r\n\r\nPOST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n',
  );
  await raw.heard(/"sluice"/);
  // A call under way: its connection is not closed before its answer.
  await expect.poll(() => under.gateway.calls.publishes.underWay).toBe(1);
  const stopping = under.gateway.stop();
  raw.say('hi');
  expect(await raw.closed).toMatch(/duplicate":false/);
  await stopping;
});

it('a request that is on its way when the drain begins is answered, and its connection closed', async () => {
  await using under = await startEdge();
  await using publishing = new RawHttp(under.edge);
  publishing.say('POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n');
  await expect.poll(() => under.gateway.calls.publishes.underWay).toBe(1);
  await using idle = new RawHttp(under.edge);
  idle.say('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await idle.heard(/"sluice"/);
  // With the system, and not read yet.
  idle.say('GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n');
  const stopping = under.gateway.stop();
  expect(await idle.closed).toMatch(/connection: close[^]*"openapi"/i);
  publishing.say('hi');
  expect(await publishing.closed).toMatch(/connection: close[^]*duplicate":false/i);
  await stopping;
});

it('a reader that takes nothing is cut, and costs no more than its bounds', async () => {
  await using under = await startEdge({ 'stream.sendTimeout': '300ms', 'stream.sendQueueMessages': 8 });
  await using slow = new RawHttp(under.edge);
  slow.say('GET /v1/topics/news/x?overflow=drop-oldest HTTP/1.1\r\nhost: x\r\n\r\n');
  await slow.heard(/id: \d+\n\n/);
  slow.socket.pause();
  const body = 'x'.repeat(512 * 1024);
  for (let n = 0; n < 400 && under.gateway.metrics.slowConsumers === 0; n += 1) {
    await fetch(`${under.edge}/v1/topics/news/x`, { method: 'POST', body }).then((said) => said.text());
  }
  await expect.poll(() => under.gateway.metrics.slowConsumers, { timeout: 5_000 }).toBe(1);
  await expect.poll(() => under.gateway.connections).toBe(0);
  slow.socket.resume();
  await slow.closed;
});

it('over TLS, as the gRPC address', async () => {
  const authority = await TestAuthority.create('Servers');
  const files = new CertificateDirectory();
  try {
    const pair = await authority.issue({ name: 'server' });
    await using under = await startEdge({
      'server.tls.certificateFile': files.write('server.pem', pair.cert),
      'server.tls.keyFile': files.write('server.key', pair.key),
    });
    const { port } = new URL(under.edge);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(
        { host: '127.0.0.1', port, path: '/', ca: authority.cert, servername: 'localhost', agent: false },
        resolve,
      )
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(await text(response))).toMatchObject({ name: 'sluice' });
  } finally {
    files.remove();
  }
});

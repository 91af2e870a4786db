/** Connections of the HTTP edge that wait for a request, when it leaves. */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { dataMessage } from '../../src/wire/messages.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { serveEdge } from '../helpers/edge-server.js';
import { RawHttp } from '../helpers/edge-world.js';

/** As long as a connection is left that looks idle. */
const LINGER_MS = 100;
const ABOUT = 'GET / HTTP/1.1\r\nhost: x\r\n';

it('those without a request are closed at once, the others when they are answered', async () => {
  await using serving = await serveEdge();
  const { server, clock, base, streams } = serving;
  await using silent = new RawHttp(base);
  await using begun = new RawHttp(base);
  begun.say(ABOUT);
  await using following = new RawHttp(base);
  following.say('GET /v1/topics/news/x HTTP/1.1\r\nhost: x\r\n\r\n');
  await expect.poll(() => streams.length).toBe(1);
  await using between = new RawHttp(base);
  between.say(`${ABOUT}\r\n`);
  await between.heard(/"sluice"/);
  await expect.poll(() => server.socketCount).toBe(4);

  server.drain();
  // Each but the one whose answer goes on.
  await expect.poll(() => clock.activeTimers).toBe(3);
  clock.advance(LINGER_MS);
  expect(await silent.closed).toBe('');
  expect(await between.closed).toMatch(/"sluice"/);
  begun.say('\r\n');
  expect(await begun.closed).toMatch(/connection: close[^]*"sluice"/i);

  // Its first answer did not say yet that the connection ends with it.
  const [stream] = streams;
  stream?.send([dataMessage({ data: Buffer.from('last'), sequence: 1 })]);
  stream?.end();
  await expect.poll(() => clock.activeTimers).toBe(1);
  clock.advance(LINGER_MS);
  expect(await following.closed).toMatch(/data: last\n/);
});

it('so are those that come while it leaves and say nothing', async () => {
  await using serving = await serveEdge();
  const { server, clock, base } = serving;
  server.drain();
  await using late = new RawHttp(base);
  await using asking = new RawHttp(base);
  await expect.poll(() => clock.activeTimers).toBe(2);
  asking.say(`${ABOUT}\r\n`);
  expect(await asking.closed).toMatch(/connection: close[^]*"sluice"/i);
  expect(late.socket.closed).toBe(false);
  clock.advance(LINGER_MS);
  expect(await late.closed).toBe('');
});

it('what TLS itself has said is no request', async () => {
  const authority = await TestAuthority.create('Servers');
  const files = new CertificateDirectory();
  try {
    const { cert, key } = await authority.issue({ name: 'server' });
    await using serving = await serveEdge({
      tls: {
        certificateFile: files.write('server.pem', cert),
        keyFile: files.write('server.key', key),
        reloadIntervalMs: 0,
      },
    });
    const { port } = new URL(serving.base);
    const silent = connect({ port: Number(port), ca: authority.cert, servername: 'localhost' });
    await once(silent, 'secureConnect');
    const closed = once(silent.resume(), 'close');
    serving.server.drain();
    await expect.poll(() => serving.clock.activeTimers).toBe(1);
    serving.clock.advance(LINGER_MS);
    await closed;
  } finally {
    files.remove();
  }
});

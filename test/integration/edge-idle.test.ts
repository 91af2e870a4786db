/** Connections of the HTTP edge that wait for a request, when it leaves. */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { EdgeServer } from '../../src/edge/edge-server.js';
import { Pushes, type PushesOptions } from '../../src/edge/pushes.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { TransportStream } from '../../src/transport/contract.js';
import type { TlsOptions } from '../../src/transport/net/tls-files.js';
import { dataMessage } from '../../src/wire/messages.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { RawHttp } from '../helpers/edge-world.js';
import { RecordingLogger } from '../helpers/recording-logger.js';
import { RecordingReceiver } from '../helpers/recording-receiver.js';

/** As long as a connection is left that looks idle. */
const LINGER_MS = 100;
const ABOUT = 'GET / HTTP/1.1\r\nhost: x\r\n';

interface Serving extends AsyncDisposable {
  readonly server: EdgeServer;
  readonly clock: FakeClock;
  readonly base: string;
  readonly streams: readonly TransportStream[];
}

/** An edge whose time stands still, and calls that nobody answers. */
async function serve(tls?: TlsOptions): Promise<Serving> {
  const clock = new FakeClock({ immediates: 'run' });
  const streams: TransportStream[] = [];
  const server = new EdgeServer({
    clock,
    logger: new RecordingLogger(),
    metrics: new StreamMetrics(),
    account: new ByteAccount(1_000_000),
    listen: ['127.0.0.1:0'],
    maxSockets: 10,
    handshakeTimeoutMs: 60_000,
    headersTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    maxHeaderBytes: 16_384,
    maxMessageBytes: 1_000,
    sendTimeoutMs: 60_000,
    origins: [],
    queryToken: false,
    events: { heartbeatIntervalMs: 0, retryMs: 1 },
    version: '1.2.3',
    ...(tls !== undefined && { tls }),
  });
  await server.start({
    accept: (stream) => {
      streams.push(stream);
      return new RecordingReceiver(stream);
    },
    pushes: new Pushes({} as PushesOptions),
  });
  return {
    server,
    clock,
    base: `http://${server.addresses[0]?.text ?? ''}`,
    streams,
    async [Symbol.asyncDispose]() {
      await server.destroy();
      expect(clock.pending).toBe(0);
    },
  };
}

it('those without a request are closed at once, the others when they are answered', async () => {
  await using serving = await serve();
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
  await using serving = await serve();
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
    await using serving = await serve({
      certificateFile: files.write('server.pem', cert),
      keyFile: files.write('server.key', key),
      reloadIntervalMs: 0,
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

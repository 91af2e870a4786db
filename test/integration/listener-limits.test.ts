import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { healthClient, startServer } from '../helpers/grpc-server.js';
import { ACK, FrameType, RawHttp2Client } from '../helpers/raw-http2.js';

/** A connected client whose SETTINGS the server has read. */
async function openRaw(context: TestContext, port: number): Promise<RawHttp2Client> {
  const client = await RawHttp2Client.connect(context, port);
  client.sendPreface();
  await client.frame((frame) => frame.type === FrameType.SETTINGS && frame.flags === ACK);
  return client;
}

describe('server.maxSockets', () => {
  it('drops the socket above it at once, counts it and logs a flood once', async (context) => {
    const clock = new FakeClock();
    const { server, metrics, log, port } = await startServer(context, { clock, maxSockets: 2 });
    const first = await openRaw(context, port);
    await openRaw(context, port);
    for (let n = 0; n < 5; n += 1) {
      const refused = await RawHttp2Client.connect(context, port);
      await refused.closed;
      expect(refused.frames).toEqual([]);
    }
    expect(server.socketCount).toBe(2);
    expect(metrics).toMatchObject({ socketsAccepted: 2, socketsDropped: 5 });
    expect(log.count('server.maxSockets is reached')).toBe(1);

    clock.advance(10_000);
    await (
      await RawHttp2Client.connect(context, port)
    ).closed;
    expect(log.lines.at(-1)?.fields).toEqual({ maxSockets: 2, suppressed: 4 });

    // The two that were there are none the worse, and a place given up is given again.
    await first.roundTrip(1);
    const gone = once(first.socket, 'close');
    first.socket.destroy();
    await gone;
    await expect.poll(() => server.socketCount).toBe(1);
    await (await openRaw(context, port)).roundTrip(1);
  });
});

describe('server.handshakeTimeout', () => {
  it('ends a socket that never speaks, and one that stops before SETTINGS', async (context) => {
    const clock = new FakeClock();
    const { metrics, port } = await startServer(context, { clock, handshakeTimeoutMs: 10_000 });
    const silent = await RawHttp2Client.connect(context, port);
    await silent.frameOf(FrameType.SETTINGS);
    const halting = await RawHttp2Client.connect(context, port);
    halting.socket.write('PRI * HTTP/2.0\r\n');
    await halting.frameOf(FrameType.SETTINGS);
    const speaking = await openRaw(context, port);
    clock.advance(9_999);
    expect(metrics.handshakeTimeouts).toBe(0);
    clock.advance(1);
    await Promise.all([silent.closed, halting.closed]);
    expect(metrics.handshakeTimeouts).toBe(2);
    await speaking.roundTrip(1);
  });

  it.for([
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: sluice\r\n\r\n')],
    ['TLS', Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), Buffer.alloc(517)])],
  ] as const)(
    'ends a socket that speaks %s at once, counts it and says who it was',
    async ([, bytes], context) => {
      const { server, metrics, log, port } = await startServer(context);
      const client = await RawHttp2Client.connect(context, port);
      const peer = `127.0.0.1:${String(client.socket.localPort)}`;
      client.socket.write(bytes);
      await client.closed;
      await expect.poll(() => server.socketCount).toBe(0);
      expect(metrics).toMatchObject({ handshakeFailures: 1, handshakeTimeouts: 0 });
      expect(log.lines).toEqual([
        {
          level: 'warn',
          message: 'a connection was refused',
          fields: { peer, reason: expect.stringContaining('the client does not speak HTTP/2') as string },
        },
      ]);
    },
  );

  it('does not count a client that leaves before it has spoken', async (context) => {
    const { server, metrics, log, port } = await startServer(context);
    const client = await RawHttp2Client.connect(context, port);
    client.socket.write('PRI * HT');
    await client.frameOf(FrameType.SETTINGS);
    client.socket.destroy();
    await expect.poll(() => server.socketCount).toBe(0);
    expect(metrics.handshakeFailures).toBe(0);
    expect(log.lines).toEqual([]);
  });
});

describe('server.keepaliveInterval', () => {
  it('destroys a peer that is not heard from after a ping', async (context) => {
    const clock = new FakeClock();
    const { server, port } = await startServer(context, { clock, keepaliveIntervalMs: 30_000 });
    const frozen = await openRaw(context, port);
    clock.advance(30_000);
    await frozen.frameOf(FrameType.PING);
    clock.advance(9_999);
    expect(server.socketCount).toBe(1);
    clock.advance(1);
    await frozen.closed;
    await expect.poll(() => server.socketCount).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('keeps a peer that answers, and does not ping one that was heard from', async (context) => {
    const clock = new FakeClock();
    const { port } = await startServer(context, { clock, keepaliveIntervalMs: 30_000, minPingIntervalMs: 0 });
    const client = await openRaw(context, port);
    await client.roundTrip(1);
    clock.advance(30_000);
    clock.advance(29_999);
    await client.roundTrip(2);
    expect(client.frames.filter((frame) => frame.type === FrameType.PING && frame.flags !== ACK)).toEqual([]);
    // At 60 s the last was heard just before; at 90 s nothing since.
    clock.advance(30_001);
    const ping = await client.frame((frame) => frame.type === FrameType.PING && frame.flags !== ACK);
    client.sendFrame(FrameType.PING, ACK, 0, ping.payload);
    await client.roundTrip(3);
    clock.advance(10_000);
    await client.roundTrip(4);
  });
});

describe('ping enforcement', () => {
  it('ends a flood with GOAWAY "too_many_pings" and counts it', async (context) => {
    const { metrics, log, port } = await startServer(context);
    const other = await openRaw(context, port);
    const client = await openRaw(context, port);
    const peer = `127.0.0.1:${String(client.socket.localPort)}`;
    for (let n = 1; n <= 100; n += 1) client.sendPing(n);
    const goaway = await client.frameOf(FrameType.GOAWAY);
    expect(goaway.payload.readUInt32BE(4)).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(goaway.payload.subarray(8).toString()).toBe('too_many_pings');
    await client.closed;
    expect(metrics.pingFloods).toBe(1);
    expect(log.lines.map(({ fields, message }) => [message, fields])).toEqual([
      ['connection ended: too many pings', { peer }],
    ]);
    await other.roundTrip(1);
  });

  it('counts pings one by one as well: the fourth in a row is one too many', async (context) => {
    const { metrics, port } = await startServer(context);
    const client = await openRaw(context, port);
    await client.roundTrip(1);
    await client.roundTrip(2);
    await client.roundTrip(3);
    expect(metrics.pingFloods).toBe(0);
    client.sendPing(4);
    await client.frameOf(FrameType.GOAWAY);
    await client.closed;
  });

  it('is not talked round by SETTINGS between the pings', async (context) => {
    const { metrics, port } = await startServer(context);
    const client = await openRaw(context, port);
    for (let n = 1; n <= 10; n += 1) {
      client.sendFrame(FrameType.SETTINGS, 0, 0, Buffer.alloc(0));
      client.sendPing(n);
      await client
        .frame((frame) => frame.type === FrameType.PING && frame.payload.readUInt32BE(4) === n)
        .catch(() => undefined);
    }
    await client.closed;
    expect(metrics.pingFloods).toBe(1);
  });

  it('forgives pings that come with traffic, as bandwidth estimators send them', async (context) => {
    const { metrics, target } = await startServer(context);
    const session = http2.connect(`http://${target}`);
    context.onTestFinished(() => {
      session.destroy();
    });
    for (let n = 0; n < 20; n += 1) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
      });
      stream.end(Buffer.alloc(5));
      stream.resume();
      await once(stream, 'close');
      await new Promise<void>((resolve, reject) => {
        session.ping((error: Error | null) => (error === null ? resolve() : reject(error)));
      });
    }
    expect(metrics.pingFloods).toBe(0);
  });

  it('allows pings at the agreed pace, and with the clock standing still none', async (context) => {
    const clock = new FakeClock();
    const { metrics, port } = await startServer(context, { clock, minPingIntervalMs: 15_000 });
    const client = await openRaw(context, port);
    for (let n = 1; n <= 20; n += 1) {
      await client.roundTrip(n);
      clock.advance(15_000);
    }
    expect(metrics.pingFloods).toBe(0);
  });
});

describe('server.idleTimeout', () => {
  it('closes a connection without streams with GOAWAY, and none that has one', async (context) => {
    const clock = new FakeClock();
    const { server, port, target } = await startServer(context, {
      clock,
      idleTimeoutMs: 300_000,
      keepaliveIntervalMs: 0,
    });
    const watch = healthClient(context, target).watch();
    watch.on('error', () => {});
    await once(watch, 'data');
    const idle = await openRaw(context, port);
    clock.advance(299_999);
    await idle.roundTrip(1);
    clock.advance(1);
    const goaway = await idle.frameOf(FrameType.GOAWAY);
    expect(goaway.payload.readUInt32BE(4)).toBe(http2.constants.NGHTTP2_NO_ERROR);
    await idle.closed;
    clock.advance(600_000);
    server.setServing(true);
    const [reply] = (await once(watch, 'data')) as [unknown];
    expect(reply).toEqual({ status: 'SERVING' });
  });

  it('is waited for by no timer while the first stream of a connection is open', async (context) => {
    const clock = new FakeClock();
    const { target } = await startServer(context, { clock, idleTimeoutMs: 300_000, keepaliveIntervalMs: 0 });
    const watch = healthClient(context, target).watch();
    watch.on('error', () => {});
    await once(watch, 'data');
    expect(clock.pending).toBe(0);
  });

  it('counts from the end of the last stream', async (context) => {
    const clock = new FakeClock();
    const { server, target } = await startServer(context, {
      clock,
      idleTimeoutMs: 300_000,
      keepaliveIntervalMs: 0,
    });
    const client = healthClient(context, target);
    await client.check();
    clock.advance(200_000);
    await client.check();
    clock.advance(299_999);
    expect(server.socketCount).toBe(1);
    await client.check();
    clock.advance(300_000);
    await clock.settle();
    await expect.poll(() => server.socketCount).toBe(0);
  });

  it('destroys the socket of a peer that never closes its side', async (context) => {
    const clock = new FakeClock();
    const { server, port } = await startServer(context, {
      clock,
      idleTimeoutMs: 1_000,
      keepaliveIntervalMs: 0,
    });
    const client = await openRaw(context, port);
    // A half-open peer: it reads the end and keeps its own side open.
    client.socket.allowHalfOpen = true;
    clock.advance(1_000);
    await client.frameOf(FrameType.GOAWAY);
    await once(client.socket, 'end');
    expect(server.socketCount).toBe(1);
    clock.advance(1_000);
    await expect.poll(() => server.socketCount).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe('HTTP/2 limits', () => {
  it('announces streams, windows and the metadata limit', async (context) => {
    const { port } = await startServer(context, {
      maxConcurrentStreams: 7,
      maxMetadataBytes: 20_000,
      streamWindowBytes: 100_000,
      connectionWindowBytes: 300_000,
    });
    const client = await openRaw(context, port);
    const { payload } = await client.frameOf(FrameType.SETTINGS);
    const settings = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6)
      settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    expect(settings.get(3)).toBe(7);
    expect(settings.get(4)).toBe(100_000);
    expect(settings.get(6)).toBe(20_000);
    const update = await client.frame(
      (frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId === 0,
    );
    expect(65_535 + update.payload.readUInt32BE(0)).toBe(300_000);
  });

  it('refuses 200 KB of metadata, and nobody else notices', async (context) => {
    const { target } = await startServer(context, { maxMetadataBytes: 16 * 1024 });
    const big = new grpc.Metadata();
    big.set('x-big', 'a'.repeat(200_000));
    const medium = new grpc.Metadata();
    medium.set('x-medium', 'a'.repeat(20_000));
    const small = new grpc.Metadata();
    small.set('x-small', 'a'.repeat(10_000));

    const other = healthClient(context, target);
    await other.check();
    const client = healthClient(context, target);
    await client.check('', small);
    await expect(client.check('', medium)).rejects.toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
    await expect(client.check('', big)).rejects.toThrow();
    expect(await client.check('', small)).toEqual({ status: 'NOT_SERVING' });
    expect(await other.check()).toEqual({ status: 'NOT_SERVING' });
  });

  it('refuses the stream above the limit, whatever the client heeds', async (context) => {
    const { port } = await startServer(context, { maxConcurrentStreams: 1 });
    const client = await openRaw(context, port);
    client.sendHeaders(1, '/grpc.health.v1.Health/Watch');
    client.sendHeaders(3, '/grpc.health.v1.Health/Watch');
    const reset = await client.frameOf(FrameType.RST_STREAM);
    expect(reset.streamId).toBe(3);
    expect(reset.payload.readUInt32BE(0)).toBe(http2.constants.NGHTTP2_REFUSED_STREAM);
    await client.roundTrip(1);
  });
});

/** What no client should send. Each is told what was wrong, by name; a bystander notices nothing, and nothing is left. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { StatusObject } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { Bystander } from '../helpers/bystander.js';
import { detailsOf } from '../helpers/call-status.js';
import { startGateway } from '../helpers/gateway.js';
import { FrameType, RawHttp2Client } from '../helpers/raw-http2.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { frameOf, framedMessage, WireClient } from '../helpers/wire-client.js';

const OK = 0;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const MIB = 1024 * 1024;

function fromBase64(value: string | string[] | undefined): Buffer {
  return Buffer.from(typeof value === 'string' ? value : '', 'base64');
}

/** A message that is all right, with protobuf fields appended that are not. */
function withFields(...bytes: number[]): Buffer {
  return frameOf(Buffer.from([0x12, 1, 0x61, ...bytes]));
}

describe.each(STREAM_HANDLERS)('bad input through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  it.each<readonly [string, Buffer, string]>([
    ['bytes that are no protobuf', frameOf(Buffer.alloc(200, 0xff)), 'INVALID_MESSAGE'],
    ['a field of the wrong type', withFields(0x35, 1, 2, 3, 4), 'INVALID_MESSAGE'],
    ['text that is not UTF-8', frameOf(Buffer.from([0x12, 2, 0xc3, 0x28])), 'INVALID_MESSAGE'],
    ['a length that points past the end', frameOf(Buffer.from([0x12, 0x7f, 0x61])), 'INVALID_MESSAGE'],
    [
      'more metadata entries than a message may have',
      framedMessage({
        sessionId: 'a',
        metadata: new Map(Array.from({ length: 65 }, (_, n) => [`k${n}`, 'v'])),
      }),
      'INVALID_MESSAGE',
    ],
    [
      'a message that was cut off',
      framedMessage({ sessionId: 'a', data: Buffer.alloc(100) }).subarray(0, 50),
      'INVALID_MESSAGE',
    ],
    [
      'a frame that says it is larger than all there may be',
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
      'MESSAGE_TOO_LARGE',
    ],
  ])('%s: the call ends with a catalogue error', async (_, bytes, reason) => {
    await using server = await startGateway(settings);
    using bystander = new Bystander(server.address);
    await bystander.check();
    using client = new WireClient(server.address);
    const call = client.open();
    call.write(framedMessage({ sessionId: 'a', data: Buffer.from('all right') }));
    call.end(bytes);
    const ending = await client.ending(call);
    expect(ending.grpcStatus).toBe(reason === 'INVALID_MESSAGE' ? INVALID_ARGUMENT : RESOURCE_EXHAUSTED);
    const details = decodeStatusDetails(fromBase64(ending.headers['grpc-status-details-bin']));
    expect(details).toMatchObject({ reason, domain: 'sluice' });
    await expect.poll(() => server.gateway.connections).toBe(1);
    expect([...server.gateway.metrics.connectionsEnded]).toEqual([[reason, 1]]);
    // The network connection is none the worse: the next call on it is served.
    const next = client.open();
    next.end(framedMessage({ sessionId: 'a', data: Buffer.from('all right') }));
    expect((await client.ending(next)).grpcStatus).toBe(OK);
    await bystander.check();
  });

  it('random bytes, a hundred times: each call ends, by an error of ours or a reset', async () => {
    await using server = await startGateway(settings);
    using bystander = new Bystander(server.address);
    using client = new WireClient(server.address);
    for (let n = 0; n < 100; n += 1) {
      const call = client.open();
      call.end(n % 2 === 0 ? randomBytes(1 + n * 13) : frameOf(randomBytes(1 + n * 13)));
      const { grpcStatus } = await client.ending(call);
      expect(grpcStatus).toBeDefined();
    }
    await bystander.check();
    expect(server.log.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('a message of 6 MiB: MESSAGE_TOO_LARGE with its size, the limit and the setting', async () => {
    await using server = await startGateway(settings);
    using bystander = new Bystander(server.address);
    await bystander.check();
    using client = new StreamClient(server.address);
    client.sendData('s', Buffer.alloc(6 * MIB));
    const status: StatusObject = await client.status;
    expect(status.code).toBe(RESOURCE_EXHAUSTED);
    const details = detailsOf(status);
    expect(details.reason).toBe('MESSAGE_TOO_LARGE');
    expect(details.message).toMatch(/6291\d{3}/);
    expect(details.message).toContain('server.maxMessageSize');
    expect(details.message).toContain(String(5 * MIB));
    await bystander.check();
  });

  it('a message of just under the limit: echoed', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    const data = randomBytes(5 * MIB - 100);
    client.sendData('s', data);
    await client.untilData(1);
    expect(client.data[0]?.data.equals(data)).toBe(true);
  });

  it('a message that its route makes too large to be sent: Error, the session goes on', async () => {
    const swelling = {
      kind: 'swelling',
      open: (session: { send(message: { data: Uint8Array }): undefined | Promise<void> }) => ({
        handle: (message: { data: Uint8Array }) =>
          session.send({ data: Buffer.alloc(message.data.length * 1_000) }),
      }),
    };
    await using server = await startGateway({ ...settings, 'server.maxMessageSize': '64KiB' }, { swelling });
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'swelling' } });
    client.sendData('s', Buffer.alloc(100));
    client.sendData('s', Buffer.alloc(1));
    await client.until(() => client.data.length === 1 && client.controls('error').length === 1);
    expect(client.controls('error')[0]?.control?.['error']).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('server.maxMessageSize = 65536 bytes'),
    });
  });

  it.each<readonly [string, Readonly<Record<string, string>>, number, string, string]>([
    ['an unknown route', { 'x-route': 'nowhere' }, NOT_FOUND, 'UNKNOWN_ROUTE', '"nowhere"'],
    ['a route of a prototype', { 'x-route': 'constructor' }, NOT_FOUND, 'UNKNOWN_ROUTE', '"constructor"'],
    ['a client ID that is empty', { 'x-client-id': '' }, INVALID_ARGUMENT, 'INVALID_MESSAGE', 'x-client-id'],
    [
      'a client ID that is too long',
      { 'x-client-id': 'c'.repeat(129) },
      INVALID_ARGUMENT,
      'INVALID_MESSAGE',
      '128',
    ],
    [
      'a subject that is too long',
      { 'x-subject': 's'.repeat(129) },
      INVALID_ARGUMENT,
      'INVALID_MESSAGE',
      'x-subject',
    ],
  ])('%s: the call is refused at once', async (_, metadata, code, reason, part) => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata });
    const status = await client.status;
    expect(status.code).toBe(code);
    const details = detailsOf(status);
    expect(details).toMatchObject({ code, reason });
    expect(details.message).toContain(part);
    expect(client.received).toEqual([]);
    expect(server.gateway.metrics.connectionsRejected.get(reason as 'UNKNOWN_ROUTE')).toBe(1);
    expect(server.gateway.metrics.connectionsAccepted).toBe(0);
  });

  it.each<readonly [string, string]>([
    ['none', ''],
    ['129 characters', 'x'.repeat(129)],
    ['a control character', 'line\nbreak'],
    ['a NUL', '\0'],
    ['a direction override', 'a\u202eb'],
  ])(
    'data with a session ID that can not be one (%s): Error, the connection goes on',
    async (_, sessionId) => {
      await using server = await startGateway(settings);
      using client = new StreamClient(server.address);
      client.sendData(sessionId, 'for nobody');
      client.sendData('good', 'hello');
      await client.until(() => client.data.length === 1 && client.controls('error').length === 1);
      const [error] = client.controls('error');
      expect(error?.sessionId).toBe(sessionId);
      expect(error?.control?.['error']).toMatchObject({
        code: 'INVALID_MESSAGE',
        message: expect.stringContaining('1 to 128 printable characters'),
      });
      // What is quoted back is bounded, and harmless in a terminal and a log.
      expect(String(error?.control?.['error']?.['message'])).not.toMatch(/[\0\n\u202e]/);
      expect(server.gateway.metrics.sessionsOpened).toBe(1);
      expect(server.gateway.metrics.up.admitted).toBe(1);
    },
  );

  it('a batch of more messages than one may hold', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { method: 'StreamBatches' });
    client.call.write({
      messages: Array.from({ length: 1_025 }, () => ({ sessionId: 's', data: Buffer.from('x') })),
    });
    const details = detailsOf(await client.status);
    expect(details.reason).toBe('INVALID_MESSAGE');
    expect(details.message).toContain('1024');
  });

  // What is over 64 KiB Node refuses by itself, in its own words.
  it.each([
    ['a little more metadata than server.maxMetadataSize', 17_000, RESOURCE_EXHAUSTED],
    ['200 KB of metadata', 200_000, INTERNAL],
  ])('%s: that call fails, nobody else notices', async (_, bytes, code) => {
    await using server = await startGateway(settings);
    using bystander = new Bystander(server.address);
    await bystander.check();
    using client = new StreamClient(server.address, { metadata: { 'x-big': 'm'.repeat(bytes) } });
    expect((await client.status).code).toBe(code);
    await bystander.check();
    expect(server.gateway.connections).toBe(1);
    expect(server.gateway.metrics.connectionsAccepted).toBe(1);
  });

  it('a client that opens and cancels 10,000 streams: nobody else notices, nothing is left', async () => {
    // Long, so that a socket which only keepalive finds would fail the test.
    await using server = await startGateway({ ...settings, 'server.keepaliveInterval': '1h' });
    using bystander = new Bystander(server.address);
    await bystander.check();
    let opened = 0;
    while (opened < 10_000) {
      // The gateway may end a connection that resets too fast: the client comes back.
      using client = new WireClient(server.address);
      while (opened < 10_000 && !client.session.destroyed && !client.session.closed) {
        const burst = Array.from({ length: 100 }, () => client.open({ 'x-client-id': 'hasty' }));
        opened += burst.length;
        const closes = burst.map((call) => new Promise((resolve) => call.once('close', resolve)));
        for (const call of burst) call.close(8);
        await Promise.all(closes);
      }
      await bystander.check(2);
    }
    await expect.poll(() => server.gateway.connections, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => server.gateway.sockets, { timeout: 10_000 }).toBe(1);
    const { connectionsAccepted, connectionsEnded } = server.gateway.metrics;
    expect([...connectionsEnded.values()].reduce((sum, count) => sum + count, 0)).toBe(
      connectionsAccepted - 1,
    );
    await bystander.check();
  });

  it.for([100, 10_000])(
    'a flood of %d pings: the one is sent away, nothing for the others',
    async (pings, context) => {
      await using server = await startGateway(settings);
      using bystander = new Bystander(server.address);
      await bystander.check();
      const client = await RawHttp2Client.connect(context, Number(server.address.split(':')[1]));
      client.sendPreface();
      client.sendHeaders(1, '/sluice.v1.StreamService/StreamData');
      for (let n = 1; n <= pings; n += 1) client.sendPing(n);
      await client.closed;
      await expect.poll(() => server.gateway.sockets).toBe(1);
      expect(server.gateway.connections).toBe(1);
      // Node ends the larger flood by itself, where it comes first.
      if (pings === 100) {
        const goaway = await client.frameOf(FrameType.GOAWAY);
        expect(goaway.payload.subarray(8).toString()).toBe('too_many_pings');
        expect(server.gateway.metrics.pingFloods).toBe(1);
      }
      await bystander.check();
    },
  );

  it('a flood of messages of the future: each is answered, one by one, and the gateway stays in bounds', async () => {
    await using server = await startGateway(settings);
    using bystander = new Bystander(server.address);
    using client = new StreamClient(server.address);
    const flood = 5_000;
    for (let n = 0; n < flood; n += 1) client.send({ type: 77, sessionId: 's' });
    await client.until(() => client.controls('error').length === flood);
    expect(server.gateway.metrics.receiveErrors.get('INVALID_MESSAGE')).toBe(flood);
    await bystander.check();
  });
});

describe('what is no gRPC at all', () => {
  it.each<readonly [string, string]>([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['zeros', '\0'.repeat(100_000)],
    ['nothing', ''],
  ])('a socket that says %s is closed, and nobody notices', async (_, text) => {
    await using server = await startGateway({ 'server.handshakeTimeout': '300ms' });
    using bystander = new Bystander(server.address);
    await bystander.check();
    await using socket = await rawSocket(server.address, text);
    await socket.closed;
    await expect.poll(() => server.gateway.sockets).toBe(1);
    await bystander.check();
  });
});

async function rawSocket(
  address: string,
  text: string,
): Promise<AsyncDisposable & { readonly closed: Promise<unknown> }> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(text, 'latin1');
  return {
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}

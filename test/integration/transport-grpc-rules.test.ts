/** gRPC over HTTP/2 as the wire has it: what a library would not send, sent by hand. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GrpcStatus, SluiceError } from '../../src/core/errors.js';
import { encodeMessage, messageSize } from '../../src/wire/codec.js';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { type GrpcHarness, type HandlerKind, startGrpcHarness } from '../helpers/grpc-harness.js';
import { frame, RawCall } from '../helpers/raw-http2-call.js';
import { RecordingAcceptor } from '../helpers/recording-receiver.js';
import { PlainCall } from '../helpers/plain-call.js';
import { dataMessage } from '../../src/wire/messages.js';

const MAX_MESSAGE_BYTES = 100_000;
/** DataMessage{sequence: 1} */
const ONE = Buffer.from([0x18, 1]);

/** A DataMessage with `bytes` of data. */
function dataBody(bytes: number): Buffer {
  const length: number[] = [];
  for (let rest = bytes; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([0x32, ...length]), Buffer.alloc(bytes, 7)]);
}

describe.each<HandlerKind>(['direct', 'interceptor'])('%s', (kind) => {
  let acceptor: RecordingAcceptor;
  let harness: GrpcHarness;

  beforeEach(async () => {
    acceptor = new RecordingAcceptor();
    harness = await startGrpcHarness(kind, acceptor.accept, { maxMessageBytes: MAX_MESSAGE_BYTES });
  });

  afterEach(async () => {
    await harness.close();
    expect(acceptor.violations).toEqual([]);
    expect(harness.faults).toEqual([]);
    expect(harness.clock.activeTimers).toBe(0);
  });

  async function refused(headers: Readonly<Record<string, string>>, ...writes: readonly Uint8Array[]) {
    const call = new RawCall(harness.address, headers);
    for (const bytes of writes) call.write(bytes);
    return call.response;
  }

  test.each(['text/plain', 'application/json', undefined])('content-type %s: HTTP 415', async (type) => {
    const response = await refused({ 'content-type': type ?? '' });
    expect(response.headers[':status']).toBe(415);
    expect(acceptor.receivers.length).toBe(0);
  });

  test.each(['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])(
    'content-type %s is served',
    async (type) => {
      const call = new RawCall(harness.address, { 'content-type': type });
      call.write(frame(ONE));
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.messages.length === 1);
      receiver.stream.end();
      const response = await call.response;
      expect(response.headers).toMatchObject({
        ':status': 200,
        'content-type': 'application/grpc+proto',
        'grpc-accept-encoding': 'identity,deflate,gzip',
      });
      expect(response.status).toBe(GrpcStatus.OK);
      expect(response.trailers).toBeDefined();
    },
  );

  test('response headers go out at once', async () => {
    const call = new RawCall(harness.address);
    expect((await call.responded())[':status']).toBe(200);
    call.stream.close(8);
    await call.response;
    expect(await (await acceptor.receiver()).closed()).toBe('cancelled');
  });

  test.each(['', 'S', '1', '1s', 'soon'])('grpc-timeout "%s": INTERNAL', async (timeout) => {
    const response = await refused({ 'grpc-timeout': timeout });
    expect(response.status).toBe(GrpcStatus.INTERNAL);
    expect(response.message).toContain('grpc-timeout');
  });

  test('a long grpc-timeout is not repeated whole', async () => {
    const response = await refused({ 'grpc-timeout': 'x'.repeat(5_000) });
    expect(response.message?.length).toBeLessThan(600);
  });

  // grpc-js warns of a timer that overflows (InterceptorStream ignores it): not here.
  test.each(kind === 'direct' ? ['720H', '2592000S', '99999999H'] : ['99999999m', '50M'])(
    'grpc-timeout %s lets the stream live',
    async (timeout) => {
      const call = new RawCall(harness.address, { 'grpc-timeout': timeout });
      const receiver = await acceptor.receiver();
      for (let round = 0; round < 3; round += 1) {
        call.write(frame(ONE));
        await receiver.until(() => receiver.messages.length === round + 1);
        receiver.stream.send([dataMessage({})]);
        await once(call.stream, 'data');
      }
      expect(receiver.close).toBeUndefined();
      receiver.stream.end();
      expect((await call.response).status).toBe(GrpcStatus.OK);
    },
  );

  test.each(['1n', '1u', '0m', '20m'])('grpc-timeout %s ends it', async (timeout) => {
    const call = new RawCall(harness.address, { 'grpc-timeout': timeout });
    expect((await call.response).status).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    expect(await (await acceptor.receiver()).closed()).toBe('deadline');
  });

  test('a deadline that flow control keeps from being told resets the stream', async () => {
    const call = new RawCall(harness.address, { 'grpc-timeout': '30m' });
    call.stream.pause();
    const receiver = await acceptor.receiver();
    receiver.stream.send(Array.from({ length: 100 }, () => dataMessage({ data: Buffer.alloc(64 * 1024) })));
    expect(await receiver.closed()).toBe('deadline');
    expect(receiver.stream.bytesInFlight).toBe(0);
    const ended = call.response;
    await once(call.stream, 'aborted');
    call.stream.resume();
    expect((await ended).rstCode).toBe(8);
  });

  test('a deadline that passes while the end waits for flow control', async () => {
    const call = new RawCall(harness.address, { 'grpc-timeout': '200m' });
    call.stream.pause();
    const receiver = await acceptor.receiver();
    receiver.stream.send(Array.from({ length: 100 }, () => dataMessage({ data: Buffer.alloc(64 * 1024) })));
    receiver.stream.end();
    expect(await receiver.closed()).toBe('deadline');
    await once(call.stream, 'aborted');
    call.stream.resume();
    expect((await call.response).rstCode).toBe(8);
  });

  test('streams reset as soon as they are opened cost nothing', async () => {
    const session = connect(`http://${harness.address}`);
    const closed = Array.from({ length: 500 }, () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/sluice.v1.StreamService/StreamData',
        'content-type': 'application/grpc',
      });
      stream.on('error', () => undefined);
      stream.close(8);
      return once(stream, 'close');
    });
    await Promise.all(closed);
    session.close();
    acceptor.onAccept = (receiver) => {
      receiver.stream.end();
    };
    expect((await new RawCall(harness.address).response).status).toBe(GrpcStatus.OK);
    await Promise.all(acceptor.receivers.map((receiver) => receiver.closed()));
  });

  test('reset and end of a client whose socket takes nothing', async () => {
    const socket = createConnection(Number(harness.address.split(':')[1]), '127.0.0.1');
    await once(socket, 'connect');
    const session = connect(`http://${harness.address}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    const streams = [0, 1].map(() =>
      session
        .request({
          ':method': 'POST',
          ':path': '/sluice.v1.StreamService/StreamData',
          'content-type': 'application/grpc',
        })
        .on('error', () => undefined),
    );
    const first = await acceptor.receiver(0);
    const second = await acceptor.receiver(1);
    session.setLocalWindowSize(2 ** 30);
    socket.pause();
    const flood = Array.from({ length: 200 }, () => dataMessage({ data: Buffer.alloc(64 * 1024) }));
    first.stream.send(flood);
    second.stream.send(flood);
    second.stream.end();
    first.stream.reset();
    expect(await first.closed()).toBe('reset');
    second.stream.reset();
    expect(await second.closed()).toBe('reset');
    for (const stream of streams) stream.destroy();
    session.destroy();
    socket.destroy();
  });

  describe.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('grpc-encoding %s', (encoding, compress) => {
    test('compressed and plain messages, in order', async () => {
      const call = new RawCall(harness.address, { 'grpc-encoding': encoding });
      for (let index = 1; index <= 20; index += 1) {
        const body = Buffer.from([0x18, index]);
        call.write(index % 3 === 0 ? frame(body) : frame(compress(body), 1));
      }
      call.halfClose();
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.messages.map((message) => message.sequence)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      receiver.stream.end();
      await call.response;
    });

    test('a small message that inflates to a large one is refused', async () => {
      const bomb = compress(dataBody(50 * 1024 * 1024));
      expect(bomb.length).toBeLessThan(MAX_MESSAGE_BYTES);
      const response = await refused({ 'grpc-encoding': encoding }, frame(compress(ONE), 1), frame(bomb, 1));
      expect(response.status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
      expect(decodeStatusDetails(response.details!).reason).toBe('MESSAGE_TOO_LARGE');
      expect(response.message).toContain('server.maxMessageSize');
      expect(acceptor.receivers[0]!.messages.length).toBe(1);
    });

    test('what can not be inflated is refused', async () => {
      const response = await refused({ 'grpc-encoding': encoding }, frame(Buffer.from('no such thing'), 1));
      expect(response.status).toBe(GrpcStatus.INVALID_ARGUMENT);
      expect(decodeStatusDetails(response.details!).reason).toBe('INVALID_MESSAGE');
    });

    test('a grpc-js client that compresses', async () => {
      const call = new PlainCall(harness.address, { method: 'StreamBatches', compress: encoding });
      const messages = Array.from({ length: 200 }, (_, index) =>
        dataMessage({ sequence: index + 1, data: Buffer.alloc(100, index) }),
      );
      call.send(...messages);
      call.halfClose();
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.messages.map((message) => message.sequence)).toEqual(messages.map((m) => m.sequence));
      receiver.stream.end();
      expect((await call.status).code).toBe(GrpcStatus.OK);
    });
  });

  test('an unknown grpc-encoding: UNIMPLEMENTED, naming what is read', async () => {
    const response = await refused({ 'grpc-encoding': 'snappy' }, frame(ONE, 1));
    expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
    expect(response.message).toContain('"snappy"');
    expect(response.headers['grpc-accept-encoding']).toBe('identity,deflate,gzip');
  });

  test('a length over the limit is refused before its bytes come', async () => {
    const prefix = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
    const response = await refused({}, frame(ONE), prefix);
    expect(response.status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
    expect(response.message).toBe(
      'A message of 2147483647 bytes is over the limit of 100000 bytes (server.maxMessageSize).',
    );
    expect(decodeStatusDetails(response.details!)).toMatchObject({
      reason: 'MESSAGE_TOO_LARGE',
      domain: 'sluice',
    });
  });

  test('a message of just the limit is taken, one byte more is not', async () => {
    const exact = dataBody(MAX_MESSAGE_BYTES - 4);
    expect(exact.length).toBe(MAX_MESSAGE_BYTES);
    const call = new RawCall(harness.address);
    call.write(frame(exact));
    const receiver = await acceptor.receiver();
    await receiver.until(() => receiver.messages.length === 1);
    call.write(frame(dataBody(MAX_MESSAGE_BYTES - 3)));
    expect((await call.response).status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
  });

  test.each([1, 4, 5, 6])('half-closed %s bytes into a message', async (bytes) => {
    const call = new RawCall(harness.address);
    call.write(frame(ONE));
    const receiver = await acceptor.receiver();
    await receiver.until(() => receiver.messages.length === 1);
    call.write(frame(Buffer.alloc(10)).subarray(0, bytes));
    call.halfClose();
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.INVALID_ARGUMENT);
    expect(response.message).toBe('The stream was half-closed in the middle of a message.');
    expect(decodeStatusDetails(response.details!).reason).toBe('INVALID_MESSAGE');
    expect(receiver.halfClosed).toBe(false);
  });

  test('messages byte by byte', async () => {
    const call = new RawCall(harness.address);
    const receiver = await acceptor.receiver();
    const bytes = Buffer.concat([frame(ONE), frame(Buffer.alloc(0)), frame(ONE)]);
    for (const byte of bytes) {
      call.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    call.halfClose();
    await receiver.until(() => receiver.halfClosed);
    expect(receiver.messages.map((message) => message.sequence)).toEqual([1, 0, 1]);
    receiver.stream.end();
    await call.response;
  });

  test('the message of a status is percent-encoded UTF-8', async () => {
    acceptor.onAccept = (receiver) => {
      receiver.stream.end(new SluiceError('INVALID_MESSAGE', '100 % "ü"\r\n𝄞 \ud800.'));
    };
    const response = await refused({});
    expect(response.headers['grpc-message']).toMatch(/^100[ %].*%25.*%C3%BC.*%0D%0A%F0%9D%84%9E/);
    expect(response.message).toBe('100 % "ü"\r\n𝄞 \ufffd.');
    expect(response.trailers).toBeUndefined();
  });

  test('a very long message of a status fits the headers of any client', async () => {
    acceptor.onAccept = (receiver) => {
      receiver.stream.end(new SluiceError('INVALID_MESSAGE', 'x'.repeat(100_000)));
    };
    const response = await refused({});
    expect(response.status).toBe(GrpcStatus.INVALID_ARGUMENT);
    expect(response.message!.length).toBeLessThan(600);
    expect(response.details!.length).toBeLessThan(1_000);
  });

  // Without it the stream would stay half open, and the response never be complete.
  test('a client that is still sending is told to stop with RST_STREAM(NO_ERROR)', async () => {
    const call = new RawCall(harness.address);
    call.write(frame(ONE));
    const receiver = await acceptor.receiver();
    receiver.stream.end();
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.OK);
    expect(response.rstCode).toBe(0);
    expect(await receiver.closed()).toBe('ended');
  });

  test('reset is RST_STREAM(CANCEL)', async () => {
    const call = new RawCall(harness.address);
    const receiver = await acceptor.receiver();
    receiver.stream.reset();
    expect((await call.response).rstCode).toBe(8);
  });

  test.each([0, 1, 2, 7, 8, 11])('RST_STREAM(%s) from the client is a cancellation', async (code) => {
    const call = new RawCall(harness.address);
    call.write(frame(ONE));
    const receiver = await acceptor.receiver();
    await receiver.until(() => receiver.messages.length === 1);
    call.stream.close(code);
    await call.response;
    if (code === 0) receiver.stream.end();
    expect(await receiver.closed()).toBe('cancelled');
    expect(receiver.halfClosed).toBe(false);
  });

  test('a connection that goes while the deadline runs leaves no timer', async () => {
    const call = new RawCall(harness.address, { 'grpc-timeout': '1H' });
    const receiver = await acceptor.receiver();
    call.session.destroy();
    expect(['lost', 'cancelled']).toContain(await receiver.closed());
    await call.response;
  });

  test('an unknown path is answered by grpc-js', async () => {
    const response = await refused({ ':path': '/sluice.v1.StreamService/Nothing' });
    expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
  });
});

describe('direct handler only', () => {
  let acceptor: RecordingAcceptor;
  let harness: GrpcHarness;

  beforeEach(async () => {
    acceptor = new RecordingAcceptor();
    harness = await startGrpcHarness('direct', acceptor.accept, { maxMessageBytes: MAX_MESSAGE_BYTES });
  });
  afterEach(async () => {
    await harness.close();
    expect(acceptor.violations).toEqual([]);
    expect(harness.clock.activeTimers).toBe(0);
  });

  test.each(['GET', 'PUT', 'DELETE'])('%s: HTTP 405', async (method) => {
    const response = await new RawCall(harness.address, { ':method': method }).response;
    expect(response.headers).toMatchObject({ ':status': 405, allow: 'POST' });
    expect(acceptor.receivers.length).toBe(0);
  });

  test.each(['application/grpc+json', 'application/grpc-web', 'application/grpcx'])(
    'content-type %s: HTTP 415',
    async (type) => {
      const response = await new RawCall(harness.address, { 'content-type': type }).response;
      expect(response.headers[':status']).toBe(415);
    },
  );

  test('what a client has taken of one large message is seen before it takes the rest', async () => {
    const call = new RawCall(harness.address);
    const receiver = await acceptor.receiver();
    let taken = 0;
    const takeSome = (chunk: Buffer): void => {
      taken += chunk.length;
      if (taken >= 512 * 1024) call.stream.pause();
    };
    call.stream.on('data', takeSome);
    const { stream } = receiver;
    const messages = [2 * 1024 * 1024, 1, 300_000, 1].map((bytes, index) =>
      dataMessage({ sequence: index + 1, data: Buffer.alloc(bytes, index) }),
    );
    stream.send(messages.slice(0, 1));
    const total = stream.bytesSent;
    expect(stream.bytesInFlight).toBe(total);
    await receiver.until(() => stream.bytesInFlight <= total - 256 * 1024);
    // The client has stopped: what it and the windows hold is all that can have left.
    expect(stream.bytesInFlight).toBeGreaterThan(1024 * 1024);
    for (const message of messages.slice(1)) stream.send([message]);
    stream.end();
    expect(receiver.close).toBeUndefined();
    call.stream.off('data', takeSome);
    call.stream.resume();
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.OK);
    expect(await receiver.closed()).toBe('ended');
    const bodies = messages.map((message) => {
      const body = Buffer.alloc(messageSize(message));
      encodeMessage(message, body, 0);
      return frame(body);
    });
    expect(response.body.equals(Buffer.concat(bodies))).toBe(true);
  });

  test('the status of a deadline goes behind a large message that was under way', async () => {
    const call = new RawCall(harness.address, { 'grpc-timeout': '50m' });
    call.stream.pause();
    const receiver = await acceptor.receiver();
    receiver.stream.send([dataMessage({ data: Buffer.alloc(512 * 1024) })]);
    expect(await receiver.closed()).toBe('deadline');
    expect(receiver.stream.bytesInFlight).toBe(0);
    call.stream.resume();
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    expect(response.body.length).toBe(receiver.stream.bytesSent);
  });

  test('an unknown grpc-encoding is refused before anything is read', async () => {
    const response = await new RawCall(harness.address, { 'grpc-encoding': 'snappy' }).response;
    expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
    expect(response.trailers).toBeUndefined();
    expect(acceptor.receivers.length).toBe(0);
  });

  test.each(['100000000S', '-1S', '1.5S', '1 S', '1S1'])('grpc-timeout "%s": INTERNAL', async (timeout) => {
    const response = await new RawCall(harness.address, { 'grpc-timeout': timeout }).response;
    expect(response.status).toBe(GrpcStatus.INTERNAL);
  });

  test('the compressed flag without grpc-encoding: INTERNAL', async () => {
    const call = new RawCall(harness.address);
    call.write(frame(gzipSync(ONE), 1));
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.INTERNAL);
    expect(response.message).toContain('grpc-encoding');
  });

  test('a body that is no gRPC at all', async () => {
    const call = new RawCall(harness.address);
    call.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    const response = await call.response;
    expect(response.status).toBe(GrpcStatus.INVALID_ARGUMENT);
    expect(response.message).toContain('71');
  });

  test('a message whose length only is sent reserves next to nothing', async () => {
    await harness.close();
    acceptor = new RecordingAcceptor();
    harness = await startGrpcHarness('direct', acceptor.accept, { maxMessageBytes: 1024 ** 3 });
    const before = process.memoryUsage().arrayBuffers;
    const calls = Array.from({ length: 50 }, () => new RawCall(harness.address));
    for (const call of calls) call.write(Buffer.from([0, 0x3f, 0, 0, 0, 1, 2, 3]));
    const receivers = await Promise.all(calls.map((_, index) => acceptor.receiver(index)));
    for (const call of calls) await call.responded();
    while (receivers.some((receiver) => receiver.stream.bytesReceived < 8)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 256 * 1024);
    for (const receiver of receivers) receiver.stream.reset();
    await Promise.all(calls.map((call) => call.response));
  });
});

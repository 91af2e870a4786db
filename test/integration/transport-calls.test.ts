/** The rules of gRPC for the calls that are no streams, by both handlers, as a client of node:http2 meets them. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GrpcStatus, SluiceError } from '../../src/core/errors.js';
import type { CallMethod } from '../../src/transport/contract.js';
import { dataMessage } from '../../src/wire/messages.js';
import { decodeMessage, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { type GrpcHarness, type HandlerKind, startGrpcHarness } from '../helpers/grpc-harness.js';
import { frame, RawCall, type RawResponse } from '../helpers/raw-http2-call.js';
import { RecordingAcceptor } from '../helpers/recording-receiver.js';

const MAX_MESSAGE_BYTES = 1024 * 1024;
const CALLS: readonly CallMethod[] = ['Publish', 'Subscribe', 'Ingest'];
const ONE_REQUEST = ['Publish', 'Subscribe'] as const;
const REQUEST = Buffer.from('any bytes at all: the transport does not read them');

function encoded(data: Buffer): Buffer {
  const message = dataMessage({ sessionId: 's', data });
  const body = Buffer.alloc(messageSize(message));
  encodeMessage(message, body, 0);
  return body;
}

/** What the client sends, for the method: Ingest takes DataMessages. */
const bodyFor = (method: CallMethod): Buffer => (method === 'Ingest' ? encoded(REQUEST) : REQUEST);

/** The one message of an answer. */
function answerOf(method: CallMethod, { body }: RawResponse): Buffer {
  expect(body.readUInt32BE(1)).toBe(body.length - 5);
  const message = body.subarray(5);
  return method === 'Subscribe'
    ? Buffer.from(decodeMessage(message, 0, message.length).data)
    : Buffer.from(message);
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
    expect(harness.clock.activeTimers).toBe(0);
  });

  const calling = (method: CallMethod, headers: Readonly<Record<string, string>> = {}): RawCall =>
    new RawCall(harness.address, { ':path': `/sluice.v1.StreamService/${method}`, ...headers });

  const detailsOf = ({ details }: RawResponse) => decodeStatusDetails(details!);

  describe.each(CALLS)('%s', (method) => {
    test('brings the request and takes the answer, each as it is on the wire', async () => {
      const call = calling(method, { 'x-client-id': 'ann' });
      call.write(frame(bodyFor(method)));
      call.halfClose();
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.stream.method).toBe(method);
      expect(receiver.stream.metadata.get('x-client-id')).toBe('ann');
      expect(receiver.messages.map(({ data }) => Buffer.from(data))).toEqual([REQUEST]);
      receiver.stream.send([dataMessage({ data: Buffer.from('answer') })]);
      receiver.stream.end();
      const response = await call.response;
      expect(response.status).toBe(GrpcStatus.OK);
      expect(answerOf(method, response).toString()).toBe('answer');
      expect(await receiver.closed()).toBe('ended');
    });

    test('a large answer goes out whole', async () => {
      const call = calling(method);
      call.halfClose();
      const receiver = await acceptor.receiver();
      const data = Buffer.alloc(300_000, 7);
      receiver.stream.send([dataMessage({ data })]);
      receiver.stream.end();
      const response = await call.response;
      expect(answerOf(method, response).equals(data)).toBe(true);
    });

    test('in pieces of a byte, compressed, and larger than it may be', async () => {
      const bytes = calling(method);
      for (const byte of frame(bodyFor(method))) bytes.write(Buffer.from([byte]));
      bytes.halfClose();
      const first = await acceptor.receiver(0);
      await first.until(() => first.halfClosed);
      first.stream.end();
      const zipped = calling(method, { 'grpc-encoding': 'gzip' });
      zipped.write(frame(gzipSync(bodyFor(method)), 1));
      zipped.halfClose();
      const second = await acceptor.receiver(1);
      await second.until(() => second.halfClosed);
      second.stream.end();
      for (const { messages } of [first, second]) {
        expect(messages.map(({ data }) => Buffer.from(data))).toEqual([REQUEST]);
      }
      await Promise.all([bytes.response, zipped.response]);
      const large = calling(method);
      large.write(frame(Buffer.alloc(MAX_MESSAGE_BYTES + 1)));
      const response = await large.response;
      expect(response.status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
      expect(detailsOf(response).reason).toBe('MESSAGE_TOO_LARGE');
      const bomb = calling(method, { 'grpc-encoding': 'gzip' });
      bomb.write(frame(gzipSync(Buffer.alloc(MAX_MESSAGE_BYTES * 2)), 1));
      expect((await bomb.response).status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
    });

    test('a request that is cut off', async () => {
      const call = calling(method);
      call.write(frame(bodyFor(method)).subarray(0, 12));
      call.halfClose();
      const response = await call.response;
      expect(response.status).toBe(GrpcStatus.INVALID_ARGUMENT);
      expect(detailsOf(response)).toMatchObject({ reason: 'INVALID_MESSAGE', domain: 'sluice' });
      const receiver = await acceptor.receiver();
      expect(receiver.halfClosed).toBe(false);
      await receiver.closed();
    });

    test('a content type that is no gRPC', async () => {
      const response = await calling(method, { 'content-type': 'application/json' }).response;
      expect(response.headers[':status']).toBe(415);
      expect(acceptor.receivers.length).toBe(0);
    });

    test('a deadline', async () => {
      const call = calling(method, { 'grpc-timeout': '50m' });
      const receiver = await acceptor.receiver();
      expect(await receiver.closed()).toBe('deadline');
      expect((await call.response).status).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    });

    test('cancelled before its request is whole, and while it is answered', async () => {
      const early = calling(method);
      early.write(frame(bodyFor(method)).subarray(0, 7));
      const first = await acceptor.receiver(0);
      early.stream.close(8);
      expect(await first.closed()).toBe('cancelled');
      expect(first.halfClosed).toBe(false);
      const late = calling(method);
      late.write(frame(bodyFor(method)));
      late.halfClose();
      const second = await acceptor.receiver(1);
      await second.until(() => second.halfClosed);
      late.stream.close(8);
      expect(await second.closed()).toBe('cancelled');
      await Promise.all([early.response, late.response]);
    });

    test('refused by the acceptor: the status alone', async () => {
      acceptor.onAccept = ({ stream }) => {
        stream.end(new SluiceError('CLIENT_LIMIT', 'too many', { retryAfterMs: 5 }));
      };
      const call = calling(method);
      call.write(frame(bodyFor(method)));
      call.halfClose();
      const response = await call.response;
      expect(response.status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
      expect(response.trailers).toBeUndefined();
      expect(detailsOf(response)).toMatchObject({ reason: 'CLIENT_LIMIT', retryAfterMs: 5 });
      acceptor.onAccept = undefined;
    });
  });

  describe.each(ONE_REQUEST)('%s takes one request', (method) => {
    test('and none is a violation of it (UNIMPLEMENTED, as gRPC has it)', async () => {
      const call = calling(method);
      call.halfClose();
      const response = await call.response;
      expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
      expect(response.message).toContain('one request message, and none came');
      expect(detailsOf(response)).toMatchObject({ reason: 'INVALID_MESSAGE', domain: 'sluice' });
    });

    test('an empty one is one', async () => {
      const call = calling(method);
      call.write(frame(Buffer.alloc(0)));
      call.halfClose();
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.messages.map(({ data }) => data.length)).toEqual([0]);
      receiver.stream.end();
      await call.response;
    });

    test.each([
      ['at once', (call: RawCall) => call.write(Buffer.concat([frame(REQUEST), frame(REQUEST)]))],
      [
        'later',
        (call: RawCall) => {
          call.write(frame(REQUEST));
          setImmediate(() => call.write(frame(REQUEST)));
        },
      ],
    ])('and another is a violation of it: %s', async (_when, write) => {
      const call = calling(method);
      write(call);
      const response = await call.response;
      expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
      expect(response.message).toContain('one request message, and more came');
      const receiver = await acceptor.receiver();
      expect(receiver.halfClosed).toBe(false);
      expect(await receiver.closed()).toBe('ended');
    });
  });
});

test('direct: nothing is gathered behind a request', async () => {
  const acceptor = new RecordingAcceptor();
  const harness = await startGrpcHarness('direct', acceptor.accept, { maxMessageBytes: MAX_MESSAGE_BYTES });
  const call = new RawCall(harness.address, { ':path': '/sluice.v1.StreamService/Subscribe' });
  // Only the length of another, and a first byte.
  call.write(Buffer.concat([frame(REQUEST), Buffer.from([0, 0, 1, 0, 0, 1])]));
  const response = await call.response;
  expect(response.status).toBe(GrpcStatus.UNIMPLEMENTED);
  await harness.close();
});

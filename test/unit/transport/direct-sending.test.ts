/** How large payloads go out: behind what waits, piece by piece, and with nothing left in the account. */
import { once } from 'node:events';
import { connect, createServer as createHttp2Server, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { attachDirectHandler } from '../../../src/transport/grpc/direct-handler.js';
import { FrameReader } from '../../../src/transport/grpc/frame-reader.js';
import { decodeMessage, StringCache } from '../../../src/wire/codec.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';

const MAX_BYTES = 8 << 20;
/** Small and large by turns; the largest is more than the client's window and than a piece. */
const SIZES = [10, 40_000, 5, 3_000_000, 10, 100, 100_000, 7, 33_000, 33_000, 1];
const BEHIND = [5, 50_000, 6];

async function open() {
  const acceptor = new RecordingAcceptor();
  acceptor.room = 1_000;
  let held = 0;
  const http2 = createHttp2Server();
  http2.on('stream', () => undefined);
  const sessions = new Set<Http2Session>();
  http2.on('session', (session) => sessions.add(session));
  const attached = attachDirectHandler({ http2Servers: new Map([[http2, {}]]) } as unknown as Server, {
    accept: acceptor.accept,
    clock: new SystemClock(),
    maxMessageBytes: MAX_BYTES,
    account: { add: (bytes: number) => (held += bytes) },
  });
  if ('unsupported' in attached) throw new Error(attached.unsupported);
  http2.listen(0, '127.0.0.1');
  await once(http2, 'listening');
  const client = connect(`http://127.0.0.1:${(http2.address() as AddressInfo).port}`);
  const call = client.request({
    ':method': 'POST',
    ':path': '/sluice.v1.StreamService/StreamData',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const receiver = await acceptor.receiver();
  return {
    call,
    receiver,
    held: () => held,
    async [Symbol.asyncDispose]() {
      client.destroy();
      for (const session of sessions) session.destroy();
      http2.close();
      await once(http2, 'close');
    },
  };
}

it.each([
  ['memory of its own', (size: number) => new Uint8Array(size)],
  ['shared memory', (size: number) => new Uint8Array(new SharedArrayBuffer(size))],
])('large payloads go in order and piece by piece, the end behind them: %s', async (_, memory) => {
  await using world = await open();
  const { call, receiver } = world;
  let sequence = 0;
  const message = (size: number): DataMessage =>
    dataMessage({ sessionId: 's', sequence: ++sequence, data: memory(size).fill(sequence) });
  const inFlight: number[] = [];
  receiver.onWritten = () => inFlight.push(receiver.stream.bytesInFlight);
  for (const size of SIZES) receiver.stream.send([message(size)]);
  receiver.stream.send(BEHIND.map(message));
  receiver.stream.end();

  const found: (readonly [number, number, number | undefined])[] = [];
  const reader = new FrameReader(MAX_BYTES);
  const strings = new StringCache();
  call.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    while (reader.next()) {
      const { sequence: number, data } = decodeMessage(reader.buffer!, reader.start, reader.end, strings);
      found.push([number, data.length, data[0]]);
    }
  });
  let status: unknown;
  call.on('trailers', (trailers) => (status = trailers['grpc-status']));
  await once(call, 'close');
  await receiver.closed();

  expect(found).toEqual([...SIZES, ...BEHIND].map((size, index) => [index + 1, size, index + 1]));
  expect(status).toBe('0');
  // Three megabytes do not leave as one: a slow network shows progress.
  expect(inFlight.length).toBeGreaterThan(10);
  expect(inFlight).toEqual([...inFlight].sort((a, b) => b - a));
  expect(world.held()).toBe(0);
});

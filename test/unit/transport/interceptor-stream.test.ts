import { EventEmitter } from 'node:events';
import { Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { dataMessage } from '../../../src/wire/messages.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { InterceptorStream } from '../../../src/transport/grpc/interceptor-stream.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';

/** A call of grpc-js's whose deadline its own timer believes to have passed. */
function callWithDeadline(deadlineMs: number) {
  const sent: number[] = [];
  const call = {
    stream: Object.assign(new EventEmitter(), { close: () => undefined, destroy: () => undefined }),
    decoder: { readState: 0 },
    start: (listener: { onReceiveMetadata(metadata: Metadata): void }) => {
      listener.onReceiveMetadata(new Metadata());
    },
    sendMetadata: () => undefined,
    startRead: () => undefined,
    sendStatus: ({ code }: { code: number }) => void sent.push(code),
    getDeadline: () => deadlineMs,
    getConnectionInfo: () => ({}),
  };
  return { call, sent };
}

test.each([
  ['24 days and more, overflown', -1_702_967_296, undefined, []],
  ['just now', -1, 'deadline', [4]],
] as const)('a deadline of %s', (_, offsetMs, close, codes) => {
  const clock = new FakeClock();
  const acceptor = new RecordingAcceptor();
  const { call, sent } = callWithDeadline(clock.wallNow() + offsetMs);
  const options = { accept: acceptor.accept, clock, maxMessageBytes: 1_000 };
  new InterceptorStream('StreamData', call as unknown as ServerInterceptingCallInterface, options).start();
  call.sendStatus({ code: 4 });
  const receiver = acceptor.receivers[0]!;
  expect(receiver.close).toBe(close);
  expect(receiver.stream.peer).toBe('unix');
  expect(sent).toEqual(codes);
});

test('each write accounts for its own bytes, and for none once the stream is over', () => {
  const acceptor = new RecordingAcceptor();
  const written: (() => void)[] = [];
  const { call } = callWithDeadline(Infinity);
  let cancel = (): void => undefined;
  const start = (listener: { onReceiveMetadata(metadata: Metadata): void; onCancel(): void }): void => {
    cancel = () => {
      listener.onCancel();
    };
    listener.onReceiveMetadata(new Metadata());
  };
  const sendMessage = (_: Buffer, callback: () => void): void => void written.push(callback);
  const sending = Object.assign(call, { start, sendMessage }) as unknown as ServerInterceptingCallInterface;
  const options = { accept: acceptor.accept, clock: new FakeClock(), maxMessageBytes: 1_000 };
  new InterceptorStream('StreamData', sending, options).start();
  const { stream } = acceptor.receivers[0]!;
  stream.send([dataMessage({ data: new Uint8Array(100) })]);
  const first = stream.bytesInFlight;
  stream.send([dataMessage({ data: new Uint8Array(10) })]);
  written[1]!();
  expect(stream.bytesInFlight).toBe(first);
  cancel();
  written[0]!();
  expect(stream.bytesInFlight).toBe(0);
});

import { EventEmitter } from 'node:events';
import { Metadata, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
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

/** The private parts of a grpc-js call that the interceptor uses: this fails when an upgrade changes them. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { innermostCall, type InnermostCall } from '../../../src/transport/grpc/innermost-call.js';
import { addStreamService, streamInterceptor } from '../../../src/transport/grpc/stream-service.js';
import { RawCall } from '../../helpers/raw-http2-call.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';

test('is found in a real call, and only in the innermost', async () => {
  const found: (InnermostCall | undefined)[] = [];
  const look = (_: unknown, call: ServerInterceptingCallInterface): ServerInterceptingCall => {
    found.push(innermostCall(call));
    return new ServerInterceptingCall(call);
  };
  const acceptor = new RecordingAcceptor();
  const server = new Server({
    interceptors: [
      look,
      look,
      streamInterceptor({ accept: acceptor.accept, clock: new SystemClock(), maxMessageBytes: 1_000 }),
    ],
  });
  addStreamService(server);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((socket) => {
    injector.injectConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const call = new RawCall(`127.0.0.1:${(listener.address() as AddressInfo).port}`);
  call.write(Buffer.from([0, 0, 0]));
  // Behind other interceptors it serves all the same.
  const receiver = await acceptor.receiver();
  await call.responded();

  const [inner, outer] = found;
  expect(outer).toBeUndefined();
  expect(inner?.http2.constructor.name).toBe('ServerHttp2Stream');
  while (!inner!.midFrame()) await new Promise((resolve) => setImmediate(resolve));
  call.write(Buffer.from([0, 0]));
  await receiver.until(() => receiver.messages.length === 1);
  expect(inner!.midFrame()).toBe(false);

  call.halfClose();
  await receiver.until(() => receiver.halfClosed);
  const taken: unknown[] = [];
  const send = inner!.takeStatuses((status) => void taken.push(status));
  receiver.stream.end();
  expect(taken).toMatchObject([{ code: 0 }]);
  send(taken[0] as Parameters<typeof send>[0]);
  expect((await call.response).status).toBe(0);
  listener.close();
  server.forceShutdown();
});

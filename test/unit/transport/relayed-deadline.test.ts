import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test, type TestContext } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { BackendConnector, RelayEvents } from '../../../src/transport/client-contract.js';
import { backendDial } from '../../../src/transport/grpc/backend-channel.js';
import { until } from '../../helpers/settled.js';

const deaf: RelayEvents = {
  onOpen: () => undefined,
  onHeaders: () => undefined,
  onChunk: () => undefined,
  onWritten: () => undefined,
  onHeld: () => undefined,
  onEnd: () => undefined,
};

/** A backend that answers nothing, what calls came to it with, and a channel to it on a clock moved by hand. */
async function world(context: TestContext) {
  const came: IncomingHttpHeaders[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    came.push(headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clock = new FakeClock({ immediates: 'run' });
  const connector: BackendConnector = backendDial({
    clock,
    maxMessageBytes: 1_000,
    flowControlWindowBytes: 65_535,
    streamsPerConnection: 100,
    connectTimeoutMs: 5_000,
    userAgent: 'sluice/test',
  })(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  context.onTestFinished(async () => {
    const closed = once(server, 'close');
    connector.close();
    server.close();
    await closed;
  });
  const call = (timeoutMs?: number): void => {
    const request = { path: '/test.Shapes/Chat', headers: [], contentType: 'application/grpc' };
    connector.relay(timeoutMs === undefined ? request : { ...request, timeoutMs }, deaf);
  };
  const timeouts = (): (string | undefined)[] => came.map((headers) => headers['grpc-timeout'] as string);
  return { clock, call, timeouts, came };
}

test('a backend is told what is left of the deadline when its connection is there', async (context) => {
  const { clock, call, timeouts, came } = await world(context);
  call(1_000);
  call(400);
  call();
  // The connection can't be there before this turn is over.
  clock.advance(600);
  await until(() => came.length === 3);
  // Never none: its client has its status by now.
  expect(timeouts()).toEqual(['400000u', '1u', undefined]);
  call(1_000);
  await until(() => came.length === 4);
  expect(timeouts().at(-1)).toBe('1000000u');
});

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it, test, vi } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { StartError } from '../../../src/core/start-error.js';
import { attachProxyHandler } from '../../../src/transport/grpc/proxy-handler.js';
import { createStreamServer } from '../../../src/transport/grpc/stream-server.js';
import type { GrpcServerOptions } from '../../../src/transport/grpc/grpc-server-options.js';
import type { ProxyAcceptor } from '../../../src/transport/proxy-contract.js';
import { RawHttp2Client } from '../../helpers/raw-http2.js';
import { startGrpcHarness } from '../../helpers/grpc-harness.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { until } from '../../helpers/settled.js';
import { ShapesClient } from '../../helpers/shapes.js';

const never = (): never => {
  throw new Error('nothing comes here');
};

function acceptorOf(accept: ProxyAcceptor['accept']): ProxyAcceptor {
  return { serves: (path) => path.startsWith('/test.'), accept };
}

const deaf = {
  onChunk: () => undefined,
  onHalfClose: () => undefined,
  onWritten: () => undefined,
  onHeld: () => undefined,
  onClose: () => undefined,
};

describe('calls of proxies', () => {
  test.each(['direct', 'interceptor'] as const)(
    'are taken before %s sees them, and only they',
    async (kind) => {
      const paths: string[] = [];
      const proxies = acceptorOf((stream) => {
        paths.push(stream.path);
        stream.end({ status: 0, message: '', trailers: [['x', 'y']] });
        return deaf;
      });
      const harness = await startGrpcHarness(kind, never, { proxies });
      const client = new ShapesClient(harness.address);
      try {
        expect(await client.see('chat')).toMatchObject({ code: 0, trailers: { x: ['y'] } });
        const other = await new Promise((resolve) => {
          const body = (buffer: Buffer): Buffer => buffer;
          client.client.makeUnaryRequest('/other.Service/M', body, body, Buffer.alloc(0), (error) => {
            resolve(error?.code);
          });
        });
        expect(other).toBe(12);
        expect(paths).toEqual(['/test.Shapes/Chat']);
      } finally {
        client[Symbol.dispose]();
        await harness.close();
      }
    },
  );

  it('pay themselves for a receiver that throws', async () => {
    const proxies = acceptorOf((stream) => {
      stream.resume();
      return {
        ...deaf,
        onHalfClose: () => {
          throw new Error('a fault');
        },
      };
    });
    const harness = await startGrpcHarness('direct', never, { proxies });
    const client = new ShapesClient(harness.address);
    try {
      expect(await client.see('chat')).toMatchObject({
        code: 13,
        details: 'The gateway failed on this call; its log says more.',
      });
      expect(harness.faults).toMatchObject([{ message: 'a fault' }]);
    } finally {
      client[Symbol.dispose]();
      await harness.close();
    }
  });

  it('are gRPC of any codec, with a timeout that can be read', async (context) => {
    const types: string[] = [];
    const proxies = acceptorOf((stream) => {
      types.push(stream.contentType);
      stream.end({ status: 0, message: '', trailers: [] });
      return deaf;
    });
    const harness = await startGrpcHarness('direct', never, { proxies });
    context.onTestFinished(() => harness.close());
    const client = await RawHttp2Client.connect(context, Number(harness.address.split(':')[1]));
    client.sendPreface();
    client.sendHeaders(1, '/test.Shapes/Chat', { 'grpc-timeout': 'soon' });
    client.sendHeaders(3, '/test.Shapes/Chat', { 'grpc-timeout': '1S' });
    await until(() => client.frames.filter(({ type }) => type === 1).length === 2);
    expect(types).toEqual(['application/grpc']);
  });
});

describe('where grpc-js has no HTTP/2 server that is known', () => {
  it('nothing is touched, and the start says so', () => {
    const acceptor = acceptorOf(never);
    const clock = new SystemClock();
    const server = new Server();
    expect(attachProxyHandler(server, { acceptor, clock, onFault: never })).toMatchObject({
      unsupported: expect.stringContaining('no HTTP/2 server') as unknown,
    });
    server.createConnectionInjector(ServerCredentials.createInsecure());
    expect(attachProxyHandler(server, { acceptor, clock, onFault: never })).toHaveProperty('detach');
    server.forceShutdown();
  });

  it('is a StartError, with either handler', () => {
    const hidden = vi.spyOn(Server.prototype, 'addService').mockImplementation(function (this: Server) {
      Object.defineProperty(this, 'http2Servers', { value: {} });
    });
    try {
      const options = {
        clock: new SystemClock(),
        logger: new RecordingLogger(),
        maxMessageBytes: 1_000,
        maxConcurrentStreams: 10,
        streamHandler: 'grpc-js',
      } as unknown as GrpcServerOptions;
      for (const streamHandler of ['grpc-js', 'direct'] as const)
        expect(() => createStreamServer({ ...options, streamHandler }, never, acceptorOf(never))).toThrow(
          StartError,
        );
      expect(() => createStreamServer(options, never)).not.toThrow();
    } finally {
      hidden.mockRestore();
    }
  });
});

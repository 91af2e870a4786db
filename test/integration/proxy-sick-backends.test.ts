/** Backends that HTTP/2 allows and gRPC does not, or that are ill: what their calls come to, and what others notice of it. */
import { once } from 'node:events';
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { ProxyWorld } from '../helpers/proxy-world.js';
import { until } from '../helpers/settled.js';
import { ShapesClient } from '../helpers/shapes.js';

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;

/** A backend whose answers are HTTP/2. */
class BareBackend implements AsyncDisposable {
  readonly address: string;
  readonly #server: Http2Server;
  connections = 0;
  calls = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Http2Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(answer: Answer, options = {}): Promise<BareBackend> {
    const server = createServer(options);
    let backend: BareBackend | undefined = undefined as BareBackend | undefined;
    server.on('sessionError', () => undefined);
    server.on('stream', (stream, headers, _flags, raw: string[] = []) => {
      stream.on('error', () => undefined);
      if (headers[':path']?.startsWith('/grpc.health') === true) {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
          { endStream: true },
        );
        return;
      }
      if (backend !== undefined) backend.calls += 1;
      answer(stream, headers, raw);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    backend = new BareBackend(server);
    return backend;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    return Promise.resolve();
  }
}

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

function message(text: string): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5);
  return bytes;
}

function ends(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.once('wantTrailers', () => {
    stream.sendTrailers(trailers);
  });
  stream.end();
}

describe('a backend that says its status first', () => {
  test('and an answer behind it has answered: it is not asked again, and its trailers are how it ended', async () => {
    await using backend = await BareBackend.start((stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '14' }, { waitForTrailers: true });
      stream.write(message('there'));
      ends(stream, { 'grpc-status': '5', 'x-own': 'told' });
    });
    await using world = await ProxyWorld.start([backend.address], {
      terms: { maxAttempts: 3, retryOn: new Set([14]) },
    });
    using client = new ShapesClient(world.address);
    const seen = await client.see('feed');
    expect(seen).toMatchObject({ code: 5, trailers: { 'x-own': ['told'] } });
    expect(seen.bodies.map(String)).toEqual(['there']);
    expect(backend.calls).toBe(1);
    await world.settled();
  });

  test('and nothing more, but the end of the stream in a frame of its own, has said how it ended', async () => {
    await using backend = await BareBackend.start((stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '5', 'grpc-message': 'none' });
      stream.end();
    });
    await using world = await ProxyWorld.start([backend.address]);
    using client = new ShapesClient(world.address);
    expect(await client.see('feed')).toMatchObject({ code: 5, details: 'none' });
    await world.settled();
  });
});

test('an answer in gRPC-Web is none of gRPC', async () => {
  await using backend = await BareBackend.start((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc-web+proto' });
    stream.end(Buffer.concat([message('there'), Buffer.from([0x80, 0, 0, 0, 0])]));
  });
  await using world = await ProxyWorld.start([backend.address]);
  using client = new ShapesClient(world.address);
  const seen = await client.see('feed');
  expect(seen).toMatchObject({ code: 2, details: 'The backend is no gRPC server.', bodies: [] });
  await world.settled();
});

describe('what one client can not do to others', () => {
  test.each([400, 404, 415, 431, 500])(
    'calls that a backend answers with HTTP status %d do not have it taken for failing',
    async (status) => {
      await using backend = await BareBackend.start((stream) => {
        stream.respond({ ':status': status }, { endStream: true });
      });
      await using world = await ProxyWorld.start([backend.address], { upstream: { breakerFailures: 3 } });
      using client = new ShapesClient(world.address);
      for (let n = 0; n < 5; n += 1)
        expect((await client.see('unary')).details).toBe('The backend is no gRPC server.');
      expect(world.pool.levels.addresses[0]).toMatchObject({ breaker: 'closed', streamsLost: 0 });
      await world.settled();
    },
  );

  test('resetting call after call does not bring the backend to end the connection of others', async () => {
    const sessions = new Set<unknown>();
    let resets = 0;
    await using backend = await BareBackend.start((stream) => {
      sessions.add(stream.session);
      stream.on('aborted', () => (resets += 1));
      stream.respond(GRPC);
      stream.write(message('there'));
    });
    await using world = await ProxyWorld.start([backend.address]);
    using client = new ShapesClient(world.address);
    const opened = async () => {
      const call = client.chat();
      call.on('error', () => undefined);
      await once(call, 'data');
      return call;
    };
    const other = await opened();
    for (let n = 0; n < 210; n += 1) (await opened()).cancel();
    await until(() => resets === 210);
    expect(sessions.size).toBe(3);
    await until(() => backend.openConnections === 2);
    expect(world.outcomes).toHaveLength(210);
    other.cancel();
    await world.settled();
  });

  test('UNAVAILABLE of an application leaves the connection to its backend as it is', async () => {
    await using backend = await BareBackend.start((stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '14' }, { endStream: true });
    });
    await using world = await ProxyWorld.start([backend.address]);
    using client = new ShapesClient(world.address);
    for (let n = 0; n < 10; n += 1) expect((await client.see('unary')).code).toBe(Status.UNAVAILABLE);
    expect(backend.connections).toBe(1);
    await world.settled();
  });
});

describe('headers', () => {
  test('of names that objects have, too, come as they were sent', async () => {
    let got: readonly string[] = [];
    await using backend = await BareBackend.start((stream, _headers, raw) => {
      got = raw;
      stream.respond({ ...GRPC, 'grpc-status': '0', constructor: 'answer' }, { endStream: true });
    });
    await using world = await ProxyWorld.start([backend.address]);
    using client = new ShapesClient(world.address);
    const metadata = new Metadata();
    metadata.set('constructor', 'mine');
    const seen = await client.see('unary', { metadata });
    const valueOf = (name: string) => got[got.indexOf(name) + 1];
    expect(valueOf('constructor')).toBe('mine');
    expect(seen.trailers.constructor).toEqual(['answer']);
    await world.settled();
  });
});

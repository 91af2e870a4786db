import { once } from 'node:events';
import { connect, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { message } from '../helpers/proxied-world.js';
import { ProxyWorld } from '../helpers/proxy-world.js';
import { settled, until } from '../helpers/settled.js';
import { ShapesBackend, ShapesClient } from '../helpers/shapes.js';

const KIB = 1024;
/** What HTTP/2 lets on its way on one stream, where nobody says otherwise (RFC 9113, section 6.9.2). */
const DEFAULT_WINDOW = 65_535;
const QUEUE = 256 * KIB;
/** The largest frame, which may come when the queue is all but full. */
const FRAME = 16 * KIB;
/** Of `upstreams`, by default. */
const STREAM_WINDOW = 256 * KIB;
const EACH = message(8 * KIB - 5);
/** Endless, for what the bounds are. */
const PLENTY = 4 * KIB * KIB;

interface Writer {
  write(chunk: Buffer, taken: () => void): unknown;
}

/** Writes while what was written is taken, and says how much that is. */
function pour(writer: Writer): () => number {
  let taken = 0;
  const more = (): void => {
    taken += EACH.length;
    if (taken < PLENTY) writer.write(EACH, more);
  };
  writer.write(EACH, more);
  return () => taken;
}

/** A server of HTTP/2 that answers as gRPC, for what no library tells of: what of its writes has left. */
async function backendOf(context: TestContext, serve: (stream: ServerHttp2Stream) => void) {
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path']?.startsWith('/grpc.health') === true) {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
        { endStream: true },
      );
      return;
    }
    serve(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, 'close');
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clientOf(context: TestContext, address: string) {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  context.onTestFinished(async () => {
    const closed = once(session, 'close');
    session.destroy();
    await closed;
  });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/test.Shapes/Chat',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  return stream;
}

describe('a proxied call holds no more than its bounds', () => {
  test('a client that reads nothing stops the writes of the backend, and gets all of it later', async (context) => {
    let written = (): number => 0;
    const address = await backendOf(context, (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      written = pour(stream);
    });
    await using world = await ProxyWorld.start([address]);
    const stream = clientOf(context, world.address);
    stream.pause();
    stream.end();
    await until(() => written() > 0);
    const stopped = await settled(() => written());
    // What the client's Node has taken from its window, what waits for it, and what waits to be read of the backend.
    const bound = DEFAULT_WINDOW + QUEUE + FRAME + STREAM_WINDOW;
    expect(stopped).toBeGreaterThan(QUEUE);
    expect(stopped).toBeLessThanOrEqual(bound + EACH.length);
    const [call] = world.calls;
    expect(call?.heldDownBytes).toBeGreaterThan(QUEUE);
    expect(call?.heldDownBytes).toBeLessThanOrEqual(QUEUE + FRAME + STREAM_WINDOW);
    let received = 0;
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    stream.resume();
    await settled(() => received);
    expect(received).toBe(PLENTY);
    expect(world.counters.pausesDown).toBeGreaterThan(0);
  });

  test('a backend that reads nothing stops the writes of the client', async (context) => {
    let backend: ServerHttp2Stream | undefined;
    const address = await backendOf(context, (stream) => {
      stream.pause();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      backend = stream;
    });
    await using world = await ProxyWorld.start([address]);
    const written = pour(clientOf(context, world.address));
    const stopped = await settled(() => written());
    // The server's own window is that of HTTP/2 here.
    const bound = DEFAULT_WINDOW + QUEUE + FRAME + DEFAULT_WINDOW;
    expect(stopped).toBeGreaterThan(QUEUE);
    expect(stopped).toBeLessThanOrEqual(bound + EACH.length);
    expect(world.calls[0]?.heldUpBytes).toBeLessThanOrEqual(QUEUE + FRAME + DEFAULT_WINDOW);
    let received = 0;
    backend?.on('data', (chunk: Buffer) => (received += chunk.length));
    backend?.resume();
    await settled(() => received);
    expect(received).toBe(PLENTY);
    expect(world.counters.pausesUp).toBeGreaterThan(0);
  });

  test('the end of the backend waits for a client that reads nothing, behind everything', async (context) => {
    const total = 400 * KIB;
    const address = await backendOf(context, (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '3' });
      });
      for (let at = 0; at < total; at += EACH.length) stream.write(EACH);
      stream.end();
    });
    await using world = await ProxyWorld.start([address]);
    const stream = clientOf(context, world.address);
    stream.pause();
    stream.end();
    await settled(() => world.calls[0]?.heldDownBytes ?? 0);
    let received = 0;
    let status: unknown;
    stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    const ended = once(stream, 'end');
    stream.resume();
    await ended;
    expect([received, status]).toEqual([total, '3']);
    await world.settled();
    expect(world.outcomes).toEqual([{ status: 3, by: 'backend' }]);
  });

  test('a client and a backend of grpc-js: the same, but for what these keep themselves', async () => {
    let written = (): number => 0;
    await using backend = await ShapesBackend.start({
      feed: (call) => {
        written = pour({ write: (_chunk, taken) => call.write(EACH.subarray(5), taken) });
      },
    });
    await using world = await ProxyWorld.start([backend.address]);
    using client = new ShapesClient(world.address);
    const call = client.feed(Buffer.alloc(0));
    call.on('error', () => undefined);
    call.once('data', () => {
      call.pause();
    });
    await once(call, 'data');
    const stopped = await settled(() => written());
    expect(stopped).toBeLessThanOrEqual(
      2 * DEFAULT_WINDOW + QUEUE + FRAME + STREAM_WINDOW + 20 * EACH.length,
    );
    let received = 1;
    call.on('data', () => (received += 1));
    call.resume();
    await settled(() => received);
    expect(received * EACH.length).toBe(PLENTY);
    call.cancel();
    await world.settled();
  });
});

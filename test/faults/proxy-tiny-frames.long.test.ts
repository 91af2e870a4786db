/** Requests in frames of one byte, on as many calls as a few anonymous clients like: what the gateway holds is in proportion to what it counts. */
import { once } from 'node:events';
import { createServer, type Http2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { Figures } from '../helpers/proxy-figures.js';
import { FrameType, RawHttp2Client } from '../helpers/raw-http2.js';

const MIB = 1_024 * 1_024;
const SERVICE = 'test.Tiny';
const CLIENTS = 4;
/** All of it within the windows: 64 KiB a stream, 1 MiB a connection. */
const CALLS = 15;
const FRAMES = 60_000;
/** Prefix of a message that never ends, and the beginning of it. */
const REQUEST_BYTES = 5 + FRAMES;
const HEADER_BYTES = 9;
/** What code, heap and a few calls grow by; a hundred bytes a frame would be 340 MiB. */
const MOST_GROWTH_BYTES = 64 * MIB;

interface Backend extends AsyncDisposable {
  readonly address: string;
}

async function backendOf(serve: (stream: ServerHttp2Stream) => void, settings: Settings): Promise<Backend> {
  const server = createServer({ settings });
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path']?.startsWith(`/${SERVICE}/`) === true) serve(stream);
    else
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
        { endStream: true },
      );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** DATA frames: the prefix in one, then a byte each. */
function tinyFrames(streamId: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 5 + FRAMES * (HEADER_BYTES + 1));
  let at = 0;
  const header = (length: number): void => {
    bytes.writeUIntBE(length, at, 3);
    bytes.writeUInt32BE(streamId, at + 5);
    at += HEADER_BYTES;
  };
  header(5);
  bytes.writeUInt32BE(MIB, at + 1);
  at += 5;
  for (let n = 0; n < FRAMES; n += 1) {
    header(1);
    at += 1;
  }
  return bytes;
}

async function clientOf(address: string): Promise<RawHttp2Client> {
  const [host = '', port = ''] = address.split(':');
  const client = new RawHttp2Client(connect(Number(port), host));
  await once(client.socket, 'connect');
  client.sendPreface();
  // From here on a mebibyte may be on its way.
  await client.frameOf(FrameType.WINDOW_UPDATE);
  for (let n = 0; n < CALLS; n += 1) {
    const streamId = 1 + 2 * n;
    client.sendHeaders(streamId, `/${SERVICE}/Talk`);
    client.socket.write(tinyFrames(streamId));
  }
  return client;
}

it.each([
  {
    title: 'a backend that answers nothing',
    serve: (stream: ServerHttp2Stream) => void stream.resume(),
    settings: {},
    proxy: {},
  },
  {
    title: 'a backend that reads nothing',
    serve: (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    },
    settings: { initialWindowSize: 0 },
    proxy: {},
  },
  {
    title: 'a rate that lets nothing through',
    serve: (stream: ServerHttp2Stream) => void stream.resume(),
    settings: {},
    proxy: { bytesPerSecond: '1KiB' },
  },
])('to $title', async ({ serve, settings, proxy }) => {
  await using backend = await backendOf(serve, settings);
  const proxies = { tiny: { services: [SERVICE], addresses: [backend.address], ...proxy } };
  await using gateway = await GatewayProcess.ready([
    ...['--proxies', JSON.stringify(proxies)],
    ...['--server.keepaliveInterval', '0'],
  ]);
  const look = async () => {
    const figures = await Figures.of(gateway.admin);
    return {
      held: figures.sum('sluice_proxy_held_bytes'),
      memory: figures.sum('nodejs_heap_size_used_bytes') + figures.sum('nodejs_external_memory_bytes'),
    };
  };
  const before = await look();
  const clients: RawHttp2Client[] = [];
  for (let n = 0; n < CLIENTS; n += 1) clients.push(await clientOf(gateway.address));
  const expected = CLIENTS * CALLS * REQUEST_BYTES;
  await expect
    .poll(async () => (await look()).held, { timeout: 120_000 })
    // A rate lets some of it through.
    .toBeGreaterThan(0.9 * expected);
  await expect.poll(async () => (await look()).memory - before.memory).toBeLessThan(MOST_GROWTH_BYTES);
  expect((await look()).held).toBeLessThanOrEqual(expected);
  for (const { socket, closed } of clients) {
    socket.destroy();
    await closed;
  }
  await expect.poll(async () => (await look()).held).toBe(0);
  expect((await Figures.of(gateway.admin)).sum('sluice_buffered_bytes')).toBe(0);
});

/** Servers that write what is no message of the protocol: the SDK says so, in time, and leaves nothing. */
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClientError } from '../../src/client/client-error.js';
import { connect } from '../../src/client/connect.js';
import { encodeBodies } from '../../src/transport/bodies.js';
import { controlMessage, type DataMessage } from '../../src/wire/messages.js';
import { data, WELCOME } from '../conformance/client/say.js';
import { seededRandom } from '../helpers/windowed-random.js';

const TIMEOUT_MS = 600;
const MIB = 1 << 20;
const seed = Number(process.env['GARBAGE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);

/** A gRPC frame: flag, length, body. */
function frame(body: Uint8Array, { flag = 0, length = body.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, body]);
}

const framesOf = (...messages: readonly DataMessage[]): Buffer =>
  Buffer.concat([...encodeBodies('batch', messages, 64 * MIB)].map((body) => frame(body)));
const garbage = (size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
const welcome = framesOf(controlMessage(WELCOME));

const writings: readonly (readonly [name: string, writes: () => Buffer])[] = [
  ['bytes that are no frame', () => garbage(4_000)],
  ['frames that are no messages', () => Buffer.concat([frame(garbage(100)), frame(garbage(3_000))])],
  ['a frame that never ends', () => frame(garbage(10), { length: 1_000 })],
  ['a frame of 4 GiB', () => frame(garbage(10), { length: 2 ** 32 - 1 })],
  ['a frame of 6 MiB', () => frame(Buffer.alloc(6 * MIB))],
  ['a message of 6 MiB', () => framesOf(data('s', 1, { data: Buffer.alloc(6 * MIB) }))],
  ['a frame compressed by nobody knows what', () => frame(garbage(100), { flag: 1 })],
  ['a frame with a flag that there is not', () => frame(garbage(100), { flag: 7 })],
  ['garbage behind Welcome', () => Buffer.concat([welcome, frame(garbage(500))])],
  ['6 MiB behind Welcome', () => Buffer.concat([welcome, frame(Buffer.alloc(6 * MIB))])],
  [
    'a field cut short behind Welcome',
    () => Buffer.concat([welcome, frame(Buffer.from([0x0a, 0x7f, 0x08]))]),
  ],
  ['nothing at all', () => Buffer.alloc(0)],
  [
    'empty frames without end',
    () => Buffer.concat(Array.from({ length: 20_000 }, () => frame(Buffer.alloc(0)))),
  ],
];

describe(`a server that writes (GARBAGE_SEED=${seed})`, () => {
  let server: Http2Server;
  let onStream: (stream: ServerHttp2Stream) => void = () => undefined;
  let streams = 0;
  const sessions = new Set<ServerHttp2Session>();

  beforeEach(async () => {
    streams = 0;
    server = createServer();
    server.on('session', (session) => {
      sessions.add(session.on('error', () => undefined));
      session.on('close', () => sessions.delete(session));
    });
    server.on('stream', (stream) => {
      streams += 1;
      stream.on('error', () => undefined).resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      onStream(stream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, 'close');
  });

  /** What `open` ended with. */
  async function opened(): Promise<ClientError> {
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using client = connect(address, { openTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS / 2 });
    const error: unknown = await client.open('echo').catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ClientError);
    return error as ClientError;
  }

  it.each(writings)('%s', async (_, writes) => {
    onStream = (stream) => {
      stream.write(writes());
    };
    const error = await opened();
    // On a busy machine the time may be over before anything was wrong.
    expect(['CONNECTION_LOST', 'UNREACHABLE', 'MESSAGE_TOO_LARGE']).toContain(error.code);
    expect(error.message).toMatch(/127\.0\.0\.1:\d+|No gateway has answered/);
    expect(error.message).not.toMatch(/undefined|\[object|at .*\.ts/);
    expect(streams).toBeGreaterThan(0);
    expect(streams).toBeLessThanOrEqual(20);
  });

  it('and resets the stream behind it', async () => {
    onStream = (stream) => {
      stream.write(Buffer.concat([welcome, frame(garbage(20), { length: 100 })]), () => {
        stream.close(2);
      });
    };
    await opened();
    expect(streams).toBeLessThanOrEqual(20);
  });

  it('trailers without a status', async () => {
    onStream = (stream) => {
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'x-nothing': 'said' });
      });
      stream.end(welcome);
    };
    await opened();
    expect(streams).toBeLessThanOrEqual(20);
  });

  it('a status with details that are none', async () => {
    onStream = (stream) => {
      stream.on('wantTrailers', () => {
        stream.sendTrailers({
          'grpc-status': '14',
          'grpc-message': '%E0%A4%A',
          'grpc-status-details-bin': garbage(60).toString('base64'),
        });
      });
      stream.end(welcome);
    };
    const error = await opened();
    expect(error.retry).not.toBe('never');
  });
});

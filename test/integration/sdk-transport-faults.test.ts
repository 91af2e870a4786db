/** The SDK's network where the other side, or what lies between, does not behave. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import { GrpcStatus } from '../../src/core/errors.js';
import type { Connector } from '../../src/transport/client-contract.js';
import { type GrpcDialOptions, grpcDial } from '../../src/transport/grpc/channel.js';
import { dataMessage } from '../../src/wire/messages.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';
import { frame } from '../helpers/raw-http2-call.js';
import { RecordingCall, RecordingStream } from '../helpers/recording-stream.js';

const HEADERS = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;
const big = dataMessage({ sessionId: 's', data: Buffer.alloc(20_000) });

interface Dialled extends Connector, Disposable {
  open(): RecordingStream;
}

function dial(address: string, options: Partial<GrpcDialOptions> = {}): Dialled {
  const clock = new SystemClock();
  const connector = grpcDial({ clock, ...options })(address);
  return Object.assign(connector, {
    open: () => new RecordingStream(connector, 'StreamBatches'),
    [Symbol.dispose]() {
      connector.close();
      expect(clock.activeTimers).toBe(0);
    },
  });
}

/** An HTTP/2 server whose every stream is served by `onStream`. */
async function serve(onStream: (stream: ServerHttp2Stream, index: number) => void) {
  const server: Http2Server = createServer();
  const sessions: ServerHttp2Session[] = [];
  let streams = 0;
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    onStream(stream, streams);
    streams += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    sessions,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

describe('a network that has gone silent', () => {
  it('is left for a new connection, and nothing of it stays', async () => {
    await using gateway = await startGateway({ 'server.drainGrace': '200ms' });
    await using proxy = await FaultProxy.start(gateway.address);
    using connector = dial(proxy.address);
    const client = connector.open();
    await client.until(() => client.messages.length > 0);
    proxy.freeze();
    // More than the network takes: it can't be got rid of in an orderly way.
    while (client.send(big));
    client.cancel();
    connector.renew();
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.CANCELLED });
    const next = connector.open();
    proxy.thaw();
    await next.until(() => next.messages.length > 0);
  });

  it('is closed at once all the same', async () => {
    await using gateway = await startGateway({ 'server.drainGrace': '200ms' });
    await using proxy = await FaultProxy.start(gateway.address);
    const connector = dial(proxy.address);
    const client = connector.open();
    await client.until(() => client.messages.length > 0);
    proxy.freeze();
    while (client.send(big));
    connector[Symbol.dispose]();
    await client.ended();
    proxy.thaw();
  });
});

describe('a server that leaves', () => {
  it('keeps the streams it has after a GOAWAY, and gets no more on that connection', async () => {
    const streams: ServerHttp2Stream[] = [];
    await using server = await serve((stream, index) => {
      streams.push(stream);
      stream.respond(HEADERS, { waitForTrailers: true });
      stream.write(frame(Buffer.alloc(0)));
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      if (index === 0) stream.session?.goaway(0, stream.id);
    });
    using connector = dial(server.address);
    const first = connector.open();
    while (streams.length < 1) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => server.sessions[0]?.ping(resolve));
    const second = connector.open();
    while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(server.sessions).toHaveLength(2);
    expect(first.end).toBeUndefined();
    streams[0]?.end();
    expect(await first.ended()).toEqual({ status: GrpcStatus.OK, message: '' });
    second.cancel();
    await second.ended();
  });

  it.each([
    ['REFUSED_STREAM', 7, GrpcStatus.UNAVAILABLE],
    ['CANCEL', 8, GrpcStatus.CANCELLED],
    ['ENHANCE_YOUR_CALM', 11, GrpcStatus.RESOURCE_EXHAUSTED],
    ['INTERNAL_ERROR', 2, GrpcStatus.INTERNAL],
  ])('resets a stream: %s', async (_, code, status) => {
    await using server = await serve((stream) => {
      stream.respond(HEADERS);
      stream.close(code);
    });
    using connector = dial(server.address);
    expect(await connector.open().ended()).toMatchObject({ status });
  });

  it('ends a stream that this client has not, which then ends it too, and resets nothing', async () => {
    const codes: (number | undefined)[] = [];
    let closed: Promise<unknown> | undefined;
    await using server = await serve((stream) => {
      closed = once(stream, 'close').then(() => codes.push(stream.rstCode));
      stream.respond(HEADERS, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      stream.end();
    });
    using connector = dial(server.address);
    expect(await connector.open().ended()).toMatchObject({ status: GrpcStatus.OK });
    await closed;
    expect(codes).toEqual([0]);
  });

  it('ends a stream without a word', async () => {
    await using server = await serve((stream) => {
      stream.respond(HEADERS, { endStream: true });
    });
    using connector = dial(server.address);
    expect(await connector.open().ended()).toMatchObject({
      status: GrpcStatus.INTERNAL,
      message: expect.stringContaining('ended the call without a gRPC status'),
    });
  });
});

describe('an answer that can not be read', () => {
  it.each([
    ['no protobuf', frame(Uint8Array.from([0xff, 0xff, 0xff])), { message: 'can not be read' }],
    [
      'a length over the limit',
      Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]),
      {
        message: 'sends a message of more than 67108864 bytes',
        status: GrpcStatus.RESOURCE_EXHAUSTED,
      },
    ],
    ['an unknown flag', Buffer.from([7, 0, 0, 0, 0]), { message: 'compressed flag' }],
    ['compressed', Buffer.from([1, 0, 0, 0, 1, 0]), { message: 'compressed' }],
  ])('%s', async (what, bytes, { message, ...told }) => {
    let closed: Promise<unknown> | undefined;
    await using server = await serve((stream) => {
      closed = once(stream, 'close');
      stream.respond(HEADERS);
      stream.write(bytes);
    });
    using connector = dial(server.address);
    const end = { status: GrpcStatus.INTERNAL, ...told };
    expect(await connector.open().ended()).toMatchObject({
      ...end,
      message: expect.stringContaining(message),
    });
    // And the server is told that nobody listens.
    await closed;
    if (what === 'no protobuf') return;
    const call = new RecordingCall();
    connector.call('Subscribe', {}, call);
    expect(await call.ended).toMatchObject(end);
  });
});

describe('one of the other calls', () => {
  it('is not read while it is paused, and its server is held', async () => {
    const server = new grpc.Server();
    let written = 0;
    const body = Buffer.alloc(10_000, 1);
    const asIs = (bytes: Buffer): Buffer => bytes;
    server.addService(
      {
        Subscribe: {
          path: '/sluice.v1.StreamService/Subscribe',
          requestStream: false,
          responseStream: true,
          requestSerialize: asIs,
          requestDeserialize: asIs,
          responseSerialize: asIs,
          responseDeserialize: asIs,
        },
      },
      {
        Subscribe: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
          expect(call.request.toString()).toBe('which');
          const pump = (): void => {
            while (written < 200) {
              written += 1;
              if (!call.write(body)) {
                call.once('drain', pump);
                return;
              }
            }
            call.end();
          };
          pump();
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    using connector = dial(`127.0.0.1:${String(port)}`, { flowControlWindowBytes: 65_535 });
    const events = new RecordingCall();
    const call = connector.call('Subscribe', {}, events);
    call.pause();
    call.send(Buffer.from('which'));
    call.halfClose();
    while (written < 2) await new Promise((resolve) => setImmediate(resolve));
    for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(events.bodies).toEqual([]);
    await new Promise<void>((resolve) => {
      events.onBodyCame = () => {
        call.pause();
        resolve();
      };
      call.resume();
    });
    events.onBodyCame = () => undefined;
    for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    // What one chunk from the socket brought; the rest fills windows and waits at the server.
    expect(events.bodies.length).toBeLessThan(20);
    expect(written).toBeLessThan(100);
    call.resume();
    expect(await events.ended).toEqual({ status: GrpcStatus.OK, message: '' });
    expect(events.bodies).toHaveLength(200);
    expect(Buffer.compare(events.bodies[199] ?? Buffer.alloc(0), body)).toBe(0);
    server.forceShutdown();
  });
});

it('an idle connection keeps no process alive', async () => {
  await using gateway = await startGateway();
  const script = `
    import { SystemClock } from './src/core/clock.ts';
    import { grpcDial } from './src/transport/grpc/channel.ts';
    const connector = grpcDial({ clock: new SystemClock() })('${gateway.address}');
    const open = (left) => {
      const stream = connector.stream('StreamData', {}, {
        onMessages: () => stream.halfClose(),
        onWritable: () => undefined,
        onEnd: (end) => {
          process.stdout.write('ended ' + end.status + '. ');
          // On the connection that has been idle, which keeps it alive again.
          if (left > 0) setImmediate(open, left - 1);
        },
      });
    };
    open(1);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script]);
  let output = '';
  for (const pipe of [child.stdout, child.stderr])
    pipe.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  await once(child, 'close');
  expect([child.exitCode, output]).toEqual([0, 'ended 0. ended 0. ']);
});

import { once } from 'node:events';
import { resolve } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Readiness } from '../../src/health/readiness.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.js';
import { findHttp2Server } from '../../src/transport/grpc/http2-server.js';
import { bufCurl } from '../helpers/external-clients.js';
import { healthClient, serverOptions, startServer } from '../helpers/grpc-server.js';
import { ACK, FrameType, RawHttp2Client } from '../helpers/raw-http2.js';
import { runProcess } from '../helpers/run-process.js';

const buf = resolve(import.meta.dirname, '../../node_modules/.bin/buf');
const STREAM_SERVICE = 'sluice.v1.StreamService';

describe('grpc.health.v1', () => {
  it('follows readiness in Check, Watch and List, by both names', async (context) => {
    const { server, target } = await startServer(context);
    const readiness = new Readiness();
    const unfollow = readiness.follow((ready) => {
      server.setServing(ready);
    });
    const client = healthClient(context, target);
    const watch = client.watch(STREAM_SERVICE);
    watch.on('error', () => {});
    expect(await once(watch, 'data')).toEqual([{ status: 'NOT_SERVING' }]);

    readiness.setReady();
    expect(await once(watch, 'data')).toEqual([{ status: 'SERVING' }]);
    expect(await client.check('')).toEqual({ status: 'SERVING' });
    expect(await client.check(STREAM_SERVICE)).toEqual({ status: 'SERVING' });
    expect(await client.list()).toEqual({
      '': { status: 'SERVING' },
      [STREAM_SERVICE]: { status: 'SERVING' },
    });

    readiness.setUnready('draining');
    expect(await once(watch, 'data')).toEqual([{ status: 'NOT_SERVING' }]);
    expect(await client.check('')).toEqual({ status: 'NOT_SERVING' });
    unfollow();
    readiness.setReady();
    expect(await client.check('')).toEqual({ status: 'NOT_SERVING' });
  });

  it('does not know other names: NOT_FOUND for Check, SERVICE_UNKNOWN for Watch', async (context) => {
    const { server, target } = await startServer(context);
    server.setServing(true);
    const client = healthClient(context, target);
    await expect(client.check('nothing')).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
    const watch = client.watch('nothing');
    watch.on('error', () => {});
    expect(await once(watch, 'data')).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
    watch.cancel();
  });
});

describe('reflection', () => {
  it('lets buf curl list and call services it has no files of', async (context) => {
    const { server, target } = await startServer(context, { reflection: true });
    server.setServing(true);
    const health = await bufCurl({
      address: target,
      method: 'grpc.health.v1.Health/Check',
      lines: [{ service: STREAM_SERVICE }],
      schema: 'reflection',
    });
    expect(health).toMatchObject({ messages: [{ status: 'SERVING' }] });
  });

  it('lists the services that are served, and no other', async (context) => {
    const { target } = await startServer(context, { reflection: true });
    const args = [
      'curl',
      '--protocol',
      'grpc',
      '--http2-prior-knowledge',
      '--reflect',
      '--list-services',
      `http://${target}`,
    ];
    const { exitCode, stdout } = await runProcess(buf, args, { timeoutMs: 20_000 });
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual(['grpc.health.v1.Health', STREAM_SERVICE]);
  });

  it('is not there when it is off', async (context) => {
    const { target } = await startServer(context, { reflection: false });
    const health = await bufCurl({
      address: target,
      method: 'grpc.health.v1.Health/Check',
      lines: [{}],
      schema: 'reflection',
    });
    expect(health.error).toBeDefined();
  });
});

describe('stream.firstMessageTimeout', () => {
  it.for(['direct', 'grpc-js'] as const)(
    'ends calls of every service that bring no request (%s)',
    async (streamHandler, context) => {
      const clock = new FakeClock();
      const { port } = await startServer(context, {
        clock,
        streamHandler,
        reflection: true,
        firstMessageTimeoutMs: 10_000,
      });
      const client = await RawHttp2Client.connect(context, port);
      client.sendPreface();
      const paths = [
        '/grpc.health.v1.Health/Check',
        '/grpc.health.v1.Health/Watch',
        '/grpc.health.v1.Health/List',
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
      ];
      for (const [index, path] of paths.entries()) client.sendHeaders(1 + 2 * index, path);
      const streams = (type: number): number[] =>
        client.frames.filter((frame) => frame.type === type).map((frame) => frame.streamId);
      await client.roundTrip(1);
      clock.advance(9_999);
      await client.roundTrip(2);
      expect(streams(FrameType.HEADERS)).toEqual([]);
      clock.advance(1);
      // The answer, and NO_ERROR to a client that goes on sending.
      await expect
        .poll(() => {
          clock.advance(100);
          return streams(FrameType.RST_STREAM).length;
        })
        .toBe(paths.length);
      expect(streams(FrameType.HEADERS).sort((a, b) => a - b)).toEqual(
        paths.map((_, index) => 1 + 2 * index),
      );
    },
  );
});

it('does not read requests of health that are larger than any name', async (context) => {
  const { target } = await startServer(context);
  const client = healthClient(context, target);
  await expect(client.check('x'.repeat(60_000))).rejects.toMatchObject({
    code: grpc.status.NOT_FOUND,
    details: 'Unknown service; known are "" and "sluice.v1.StreamService".',
  });
  await expect(client.check('x'.repeat(65_536))).rejects.toMatchObject({
    code: grpc.status.RESOURCE_EXHAUSTED,
  });
});

describe('leaving', () => {
  it('is not held up by an open Watch', async (context) => {
    const { server, target } = await startServer(context);
    server.setServing(true);
    const watch = healthClient(context, target).watch();
    await once(watch, 'data');
    const ended = once(watch, 'error');
    watch.resume();
    server.drainConnections();
    expect((await ended)[0]).toMatchObject({ code: grpc.status.UNAVAILABLE });
    await expect.poll(() => server.socketCount).toBe(0);
    await server.destroy();
  });

  it('stops listening, says GOAWAY, lets open streams go on, and destroys what is left', async (context) => {
    const clock = new FakeClock();
    const { server, port } = await startServer(context, { clock });
    const idle = await RawHttp2Client.connect(context, port);
    const busy = await RawHttp2Client.connect(context, port);
    for (const client of [idle, busy]) {
      client.sendPreface();
      await client.frame((frame) => frame.type === FrameType.SETTINGS && frame.flags === ACK);
    }
    // A call whose request never ends: nobody here may end it but the server.
    busy.sendHeaders(1, '/grpc.health.v1.Health/Check');
    await busy.roundTrip(1);

    await server.stopListening();
    await server.stopListening();
    expect(server.addresses).toEqual([]);
    const late = await RawHttp2Client.connect(context, port).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: 'ECONNREFUSED' });
    await idle.roundTrip(2);

    server.drainConnections();
    server.drainConnections();
    clock.runImmediates();
    await Promise.all([idle.closed, busy.frameOf(FrameType.GOAWAY)]);
    await busy.roundTrip(3);
    expect(server.socketCount).toBe(1);

    await Promise.all([server.destroy(), server.destroy()]);
    await busy.closed;
    expect(server.socketCount).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('can be destroyed while it starts, and starts once', async (context) => {
    const server = new GrpcServer(serverOptions());
    const starting = server.start(() => expect.unreachable());
    await Promise.all([
      expect(starting).rejects.toThrow('the door was closed while it opened'),
      server.destroy(),
    ]);
    expect(server.addresses).toEqual([]);
    const started = await startServer(context);
    await expect(started.server.start(() => expect.unreachable())).rejects.toThrow('starts once');
    await started.server.destroy();
    await new GrpcServer(serverOptions()).destroy();
  });
});

it('finds the HTTP/2 server behind the injector of this grpc-js, and nothing in another', () => {
  const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
  expect(findHttp2Server(server)).toBeUndefined();
  server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  expect(findHttp2Server(server)).toMatchObject({ updateSettings: expect.any(Function) });
  expect(findHttp2Server({} as unknown as grpc.Server)).toBeUndefined();
  expect(findHttp2Server({ http2Servers: new Map([[{}, {}]]) } as unknown as grpc.Server)).toBeUndefined();
  server.forceShutdown();
});

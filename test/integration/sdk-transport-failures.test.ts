/** What a client is told where no gateway is, with servers that are really there: one sentence each, and what to do. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createSecureServer, createServer as createHttp2Server } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import { GrpcStatus } from '../../src/core/errors.js';
import { type GrpcDialOptions, grpcDial } from '../../src/transport/grpc/channel.js';
import type { CallEnd } from '../../src/transport/client-contract.js';
import { CertificateDirectory, TestAuthority, selfSigned } from '../helpers/certificates.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { RecordingStream } from '../helpers/recording-stream.js';

/** Long enough for a busy machine, where an answer is expected. */
const PATIENCE_MS = 10_000;
/** Short, where none is. */
const IMPATIENCE_MS = 200;

async function endAt(address: string, options: Partial<GrpcDialOptions> = {}): Promise<CallEnd> {
  const clock = new SystemClock();
  const connector = grpcDial({ clock, connectTimeoutMs: PATIENCE_MS, ...options })(address);
  try {
    return await new RecordingStream(connector, 'StreamBatches').ended();
  } finally {
    connector.close();
    expect(clock.activeTimers).toBe(0);
  }
}

interface Listening extends AsyncDisposable {
  readonly address: string;
  nobodyIsConnected(): Promise<void>;
}

async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  let changed: () => void = () => undefined;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      changed();
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    nobodyIsConnected: async () => {
      while (sockets.size > 0) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The authorities of servers and of clients, and a gateway with TLS. */
async function tlsWorld(context: TestContext, settings: Settings = {}) {
  const files = new CertificateDirectory();
  context.onTestFinished(() => {
    files.remove();
  });
  const [servers, clients] = await Promise.all([
    TestAuthority.create('Servers'),
    TestAuthority.create('Clients'),
  ]);
  const pair = await servers.issue({ name: 'server' });
  const gateway = await startGateway({
    'server.tls.certificateFile': files.write('server.pem', pair.cert),
    'server.tls.keyFile': files.write('server.key', pair.key),
    'server.tls.clientCaFile': files.write('clients.pem', clients.cert),
    'server.tls.reloadInterval': 0,
    ...settings,
  });
  context.onTestFinished(() => gateway[Symbol.asyncDispose]());
  return { servers, clients, gateway, ca: servers.cert };
}

describe('nobody there', () => {
  it('nothing listens', async () => {
    const server = await listening(createServer());
    const { address } = server;
    await server[Symbol.asyncDispose]();
    expect(await endAt(address)).toEqual({
      status: GrpcStatus.UNAVAILABLE,
      failure: 'unreachable',
      message: `Nothing answers at ${address} (connection refused): is the gateway running, and does server.listen name this address?`,
    });
    expect((await endAt(`grpcs://${address}`)).message).toContain('(connection refused)');
  });

  it('no such host', async () => {
    expect(await endAt('no-such-host.invalid:50051')).toMatchObject({
      failure: 'unreachable',
      // Without a network no name server says so.
      message: expect.stringMatching(
        /^The host of no-such-host\.invalid:50051 (is unknown|could not be looked up)/,
      ),
    });
  });

  it('no socket at a path', async () => {
    expect(await endAt('unix:/tmp/sluice-no-such-socket')).toMatchObject({
      failure: 'unreachable',
      message: expect.stringContaining('There is no socket at unix:/tmp/sluice-no-such-socket'),
    });
  });

  it.each([
    ['', /takes connections and does not answer to HTTP\/2 without TLS within 200 ms/],
    ['grpcs://', /takes connections and does not answer to the TLS handshake within 200 ms/],
  ])('a server that says nothing (%s)', async (scheme, message) => {
    await using silent = await listening(createServer((socket) => socket.resume()));
    expect(await endAt(`${scheme}${silent.address}`, { connectTimeoutMs: IMPATIENCE_MS })).toMatchObject({
      failure: 'unreachable',
      message: expect.stringMatching(message),
    });
    // Not only have we stopped waiting: the connection is gone.
    await silent.nobodyIsConnected();
  });

  it.each([
    ['hangs up', '', (socket: Socket) => socket.end()],
    ['hangs up', 'grpcs://', (socket: Socket) => socket.end()],
    ['breaks off', '', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['breaks off', 'grpcs://', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
  ])('a server that %s (%s)', async (_, scheme, onConnection) => {
    await using server = await listening(createServer(onConnection));
    expect(await endAt(`${scheme}${server.address}`)).toMatchObject({
      failure: 'unreachable',
      message: expect.stringContaining('closed the connection'),
    });
  });
});

describe('TLS here or there only', () => {
  it('a client without TLS and a gateway with it', async (context) => {
    const { gateway } = await tlsWorld(context);
    expect(await endAt(gateway.address)).toEqual({
      status: GrpcStatus.UNAVAILABLE,
      failure: 'tls-mismatch',
      message: `${gateway.address} expects TLS, and this client speaks none: write grpcs://, or give tls with the authority to trust.`,
    });
  });

  it('a client with TLS and a gateway without', async () => {
    await using gateway = await startGateway();
    expect(await endAt(`grpcs://${gateway.address}`)).toMatchObject({
      failure: 'tls-mismatch',
      message: expect.stringContaining(`grpcs://${gateway.address} does not speak TLS, and this client does`),
    });
  });
});

describe('certificates', () => {
  it('is taken where it is trusted', async (context) => {
    const { gateway, ca } = await tlsWorld(context, { 'server.drainGrace': '200ms' });
    const connector = grpcDial({ clock: new SystemClock(), tls: { ca } })(gateway.address);
    const stream = new RecordingStream(connector, 'StreamBatches');
    await stream.until(() => stream.messages.length > 0);
    connector.close();
    expect((await stream.ended()).status).toBe(GrpcStatus.CANCELLED);
  });

  it('an authority that is not trusted', async (context) => {
    const { gateway } = await tlsWorld(context);
    const ours = await TestAuthority.create('Another');
    const expected = {
      failure: 'certificate',
      message: expect.stringMatching(/is signed by an authority that is not trusted here: .* tls\.ca/),
    };
    expect(await endAt(gateway.address, { tls: { ca: ours.cert } })).toMatchObject(expected);
    expect(await endAt(`grpcs://${gateway.address}`)).toMatchObject(expected);
  });

  it('a certificate signed by itself', async () => {
    await using target = await listening(tlsServer(await selfSigned({ name: 'server' })));
    expect(await endAt(`grpcs://${target.address}`)).toMatchObject({
      failure: 'certificate',
      message: expect.stringContaining('not trusted here'),
    });
  });

  it('another name', async (context) => {
    const { gateway, ca } = await tlsWorld(context);
    const tls = { ca, serverName: 'gateway.example' };
    expect(await endAt(gateway.address, { tls })).toMatchObject({
      failure: 'certificate',
      message: expect.stringMatching(/is for another name: .*gateway\.example.* tls\.serverName/),
    });
  });

  it.each([
    ['expired', { validFromDays: -3, validForDays: -1 }, /has expired/],
    ['not valid yet', { validFromDays: 1, validForDays: 3 }, /is not valid yet/],
  ])('%s', async (_, validity, message) => {
    const authority = await TestAuthority.create('Servers', { validFromDays: -10 });
    const server = tlsServer(await authority.issue({ name: 'server', ...validity }));
    await using target = await listening(server);
    expect(await endAt(target.address, { tls: { ca: authority.cert } })).toMatchObject({
      failure: 'certificate',
      message: expect.stringMatching(message),
    });
  });

  it('a client certificate is required', async (context) => {
    const { gateway, ca } = await tlsWorld(context, { 'server.tls.requireClientCertificate': true });
    expect(await endAt(gateway.address, { tls: { ca } })).toMatchObject({
      failure: 'certificate',
      message: expect.stringContaining(
        'it seems to require a client certificate. Give tls.cert and tls.key.',
      ),
    });
  });

  it('a client certificate is refused', async (context) => {
    const { gateway, ca } = await tlsWorld(context, { 'server.tls.requireClientCertificate': true });
    const stranger = await (await TestAuthority.create('Strangers')).issue({ name: 'client' });
    expect(await endAt(gateway.address, { tls: { ca, ...stranger } })).toMatchObject({
      failure: 'certificate',
      message: expect.stringContaining("it seems not to accept this client's certificate (tls.cert)"),
    });
  });

  it('a client certificate is required by a server that says so', async () => {
    const [authority, clients] = await Promise.all([TestAuthority.create(), TestAuthority.create()]);
    const pair = await authority.issue({ name: 'server' });
    const options = { ...pair, ca: clients.cert, requestCert: true, ALPNProtocols: ['h2'] };
    await using target = await listening(createTlsServer(options));
    const tls = { ca: authority.cert };
    expect(await endAt(target.address, { tls })).toMatchObject({
      failure: 'certificate',
      message: `${target.address} requires a client certificate: give tls.cert and tls.key.`,
    });
  });

  it('no version of TLS in common', async () => {
    const authority = await TestAuthority.create();
    const pair = await authority.issue({ name: 'server' });
    await using target = await listening(
      createTlsServer({ ...pair, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }),
    );
    expect(await endAt(`grpcs://${target.address}`)).toMatchObject({
      failure: 'tls-mismatch',
      message: expect.stringContaining('no version of TLS, or no cipher, in common'),
    });
  });

  function tlsServer({ cert, key }: { cert: string; key: string }): Server {
    const server = createTlsServer({ cert, key, ALPNProtocols: ['h2'] });
    server.on('tlsClientError', () => undefined);
    return server;
  }
});

describe('somebody else there', () => {
  it('HTTP/1.1', async () => {
    await using target = await listening(createHttpServer());
    expect(await endAt(target.address)).toMatchObject({
      failure: 'not-sluice',
      message: expect.stringMatching(
        /^Something answers at .*, and not in HTTP\/2: name the gateway's gRPC address/,
      ),
    });
  });

  it('HTTP/1.1 over TLS', async () => {
    const authority = await TestAuthority.create();
    const { cert, key } = await authority.issue({ name: 'server' });
    const tls = { ca: authority.cert };
    for (const ALPNProtocols of [['http/1.1'], undefined]) {
      const server = createTlsServer({ cert, key, ...(ALPNProtocols && { ALPNProtocols }) });
      await using target = await listening(server);
      expect(await endAt(target.address, { tls })).toMatchObject({
        failure: 'not-sluice',
        message: expect.stringContaining('not in HTTP/2'),
      });
    }
  });

  it('a protocol of its own', async () => {
    const server = createServer((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
    await using target = await listening(server);
    expect(await endAt(target.address)).toMatchObject({
      failure: 'not-sluice',
      message: expect.stringContaining('not in HTTP/2'),
    });
  });

  it.each([
    [404, 'text/html', 'not-sluice', /speaks HTTP\/2 and no gRPC \(it answers with HTTP status 404\)/],
    [200, 'text/html', 'not-sluice', /speaks HTTP\/2 and no gRPC \(it answers with text\/html\)/],
    [503, 'text/html', 'unreachable', /HTTP status 503: a proxy there can't reach the gateway now/],
  ])('HTTP/2 without gRPC: %i %s', async (status, type, failure, message) => {
    const server = createHttp2Server((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': type });
      response.end('<h1>hello</h1>');
    });
    await using target = await listening(server);
    expect(await endAt(target.address)).toMatchObject({ failure, message: expect.stringMatching(message) });
  });

  it('HTTP/2 over TLS without gRPC', async () => {
    const authority = await TestAuthority.create();
    const server = createSecureServer(await authority.issue({ name: 'server' }), (_, response) => {
      response.end('hello');
    });
    await using target = await listening(server);
    expect(await endAt(target.address, { tls: { ca: authority.cert } })).toMatchObject({
      failure: 'not-sluice',
      message: expect.stringContaining('it answers with no content type'),
    });
  });

  it('gRPC without StreamService', async () => {
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const address = `127.0.0.1:${String(port)}`;
    const end = await endAt(address);
    server.forceShutdown();
    expect(end).toEqual({
      status: GrpcStatus.UNIMPLEMENTED,
      failure: 'not-sluice',
      message: `${address} speaks gRPC and does not serve sluice.v1.StreamService: name a Sluice gateway's address.`,
    });
  });
});

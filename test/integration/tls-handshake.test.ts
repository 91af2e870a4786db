import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import * as tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { StartError } from '../../src/core/start-error.js';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.js';
import type { TlsOptions } from '../../src/transport/net/tls-files.js';
import { CertificateDirectory, TestAuthority, type CertificatePair } from '../helpers/certificates.js';
import { bufCurl } from '../helpers/external-clients.js';
import { healthClient, serverOptions, startServer } from '../helpers/grpc-server.js';
import { ACK, FrameType, RawHttp2Client } from '../helpers/raw-http2.js';

interface Files {
  readonly directory: CertificateDirectory;
  readonly authority: TestAuthority;
  readonly tls: TlsOptions;
}

/** A server certificate of a fresh authority, in files. */
async function makeFiles(context: TestContext, changes: Partial<TlsOptions> = {}): Promise<Files> {
  const directory = new CertificateDirectory();
  context.onTestFinished(() => {
    directory.remove();
  });
  const authority = await TestAuthority.create();
  const pair = await authority.issue({ name: 'server' });
  const certificateFile = directory.write('server.pem', pair.cert);
  const keyFile = directory.write('server.key', pair.key);
  return { directory, authority, tls: { certificateFile, keyFile, reloadIntervalMs: 0, ...changes } };
}

function credentials(authority: TestAuthority, client?: CertificatePair): grpc.ChannelCredentials {
  const text = (value: string | undefined) => (value === undefined ? null : Buffer.from(value));
  return grpc.credentials.createSsl(Buffer.from(authority.cert), text(client?.key), text(client?.cert));
}

async function startError(settings: TlsOptions): Promise<StartError> {
  const server = new GrpcServer(serverOptions({ tls: settings }));
  const error: unknown = await server
    .start(() => {
      throw new Error('no stream was expected');
    })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  return error as StartError;
}

/** A TLS connection by Node's own client; resolves to the socket once it is secure. */
async function connectTls(
  context: TestContext,
  port: number,
  options: tls.ConnectionOptions,
): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  context.onTestFinished(async () => {
    if (socket.closed) return;
    socket.destroy();
    await once(socket, 'close');
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

describe('TLS', () => {
  it('serves grpc-js, and buf curl which nobody here wrote', async (context) => {
    const { tls: options, authority, directory } = await makeFiles(context);
    const { server, port } = await startServer(context, { tls: options, reflection: true });
    server.setServing(true);
    const target = `localhost:${String(port)}`;
    expect(await healthClient(context, target, credentials(authority)).check()).toEqual({
      status: 'SERVING',
    });
    const curl = await bufCurl({
      address: target,
      method: 'grpc.health.v1.Health/Check',
      lines: [{ service: '' }],
      schema: 'reflection',
      caFile: directory.write('ca.pem', authority.cert),
    });
    expect(curl.messages).toEqual([{ status: 'SERVING' }]);
  });

  it('judges pings and idle time of TLS connections too', async (context) => {
    const { tls: options, authority } = await makeFiles(context);
    const { metrics, port } = await startServer(context, { tls: options });
    const socket = await connectTls(context, port, { ca: authority.cert, ALPNProtocols: ['h2'] });
    const client = new RawHttp2Client(socket);
    client.sendPreface();
    await client.frame((frame) => frame.type === FrameType.SETTINGS && frame.flags === ACK);
    await client.roundTrip(1);
    await client.roundTrip(2);
    await client.roundTrip(3);
    expect(metrics.pingFloods).toBe(0);
    client.sendPing(4);
    await client.closed;
    expect(metrics.pingFloods).toBe(1);
  });

  it('drains a connection too whose handshake was under way when all others were told', async (context) => {
    const { tls: options, authority } = await makeFiles(context);
    const { server, port } = await startServer(context, { tls: options });
    const plain = connectPlain({ port, host: '127.0.0.1' });
    context.onTestFinished(() => {
      plain.destroy();
    });
    await expect.poll(() => server.socketCount).toBe(1);
    await server.stopListening();
    server.drainConnections();
    const socket = tls.connect({
      socket: plain,
      servername: 'localhost',
      ca: authority.cert,
      ALPNProtocols: ['h2'],
    });
    const client = new RawHttp2Client(socket);
    await once(socket, 'secureConnect');
    client.sendPreface();
    await client.frameOf(FrameType.GOAWAY);
    socket.destroy();
    await client.closed;
  });

  it('speaks no version below the configured one', async (context) => {
    const { tls: options, authority } = await makeFiles(context, { minVersion: 'TLSv1.3' });
    const { port, log } = await startServer(context, { tls: options });
    await expect(
      connectTls(context, port, { ca: authority.cert, ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' }),
    ).rejects.toThrow();
    await expect.poll(() => log.count('a TLS connection was refused')).toBe(1);
    expect(JSON.stringify(log.lines[0]?.fields)).toMatch(/server\.tls\.minVersion|ALPN h2/);
    const good = await connectTls(context, port, { ca: authority.cert, ALPNProtocols: ['h2'] });
    expect(good.getProtocol()).toBe('TLSv1.3');
    expect(good.alpnProtocol).toBe('h2');
  });

  it('ends a client that speaks no TLS, and one that stops in the handshake', async (context) => {
    const { tls: options, authority } = await makeFiles(context);
    const { server, metrics, log, port } = await startServer(context, {
      tls: options,
      handshakeTimeoutMs: 200,
    });
    const plain = await RawHttp2Client.connect(context, port);
    const peer = `127.0.0.1:${String(plain.socket.localPort)}`;
    plain.sendPreface();
    await plain.closed;
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'a TLS connection was refused',
        fields: { peer, reason: 'the client does not speak TLS' },
      },
    ]);
    expect(metrics.handshakeFailures).toBe(1);
    expect(metrics.handshakeTimeouts).toBe(0);

    const slow = connectPlain({ port, host: '127.0.0.1' });
    slow.on('error', () => {});
    // The first bytes of a ClientHello record, and then nothing.
    slow.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    slow.resume();
    await once(slow, 'close');
    expect(metrics.handshakeTimeouts).toBe(1);

    // TLS done, HTTP/2 never begun.
    const mute = await connectTls(context, port, { ca: authority.cert, ALPNProtocols: ['h2'] });
    mute.resume();
    await once(mute, 'close');
    expect(metrics.handshakeTimeouts).toBe(2);
    await expect.poll(() => server.socketCount).toBe(0);
  });
});

describe('mutual TLS', () => {
  it('takes a client of the authority; refuses none, a stranger and an expired one, saying why', async (context) => {
    const clients = await TestAuthority.create('Client authority');
    const strangers = await TestAuthority.create('Client authority');
    const { tls: files, authority, directory } = await makeFiles(context);
    const options = {
      ...files,
      clientCaFile: directory.write('clients.pem', clients.cert),
      requireClientCertificate: true,
    };
    const { server, log, port } = await startServer(context, { tls: options });
    const target = `localhost:${String(port)}`;
    const good = healthClient(context, target, credentials(authority, await clients.issue({ name: 'good' })));
    expect(await good.check()).toEqual({ status: 'NOT_SERVING' });

    const bad: readonly (readonly [CertificatePair | undefined, string])[] = [
      [undefined, 'no client certificate'],
      [await strangers.issue({ name: 'stranger' }), 'client certificate refused: '],
      [await clients.issue({ name: 'late', validFromDays: -3, validForDays: -1 }), 'CERT_HAS_EXPIRED'],
    ];
    for (const [pair, reason] of bad) {
      const { server: strict, log: reasons, port: strictPort } = await startServer(context, { tls: options });
      const socket = await connectTls(context, strictPort, {
        ca: authority.cert,
        ALPNProtocols: ['h2'],
        ...pair,
      });
      socket.resume();
      await once(socket, 'close');
      expect(reasons.lines.map((line) => JSON.stringify(line.fields)).join()).toContain(reason);
      await expect.poll(() => strict.socketCount).toBe(0);
    }
    expect(await good.check()).toEqual({ status: 'NOT_SERVING' });
    expect(log.count('refused')).toBe(0);
    expect(server.socketCount).toBe(1);
  });

  it('asks without insisting when the certificate is optional, and still refuses a bad one', async (context) => {
    const clients = await TestAuthority.create('Client authority');
    const strangers = await TestAuthority.create('Strangers');
    const { tls: files, authority, directory } = await makeFiles(context);
    const { port, log } = await startServer(context, {
      tls: { ...files, clientCaFile: directory.write('clients.pem', clients.cert) },
    });
    const target = `localhost:${String(port)}`;
    await healthClient(context, target, credentials(authority)).check();
    await healthClient(context, target, credentials(authority, await clients.issue({ name: 'c' }))).check();
    const stranger = await strangers.issue({ name: 's' });
    const socket = await connectTls(context, port, {
      ca: authority.cert,
      ALPNProtocols: ['h2'],
      ...stranger,
    });
    socket.resume();
    await once(socket, 'close');
    expect(log.count('a TLS connection was refused')).toBe(1);
  });
});

describe('certificate files that can not be used', () => {
  it('stop the start with one sentence that names setting and file', async (context) => {
    const { tls: good, authority, directory } = await makeFiles(context);
    const other = await authority.issue({ name: 'other' });
    const otherKey = directory.write('other.key', other.key);
    const garbage = directory.write('garbage.pem', 'garbage');
    const broken = directory.write(
      'broken.pem',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    );
    const cases: readonly (readonly [Partial<TlsOptions>, string, string])[] = [
      [
        { certificateFile: '/no/such.pem' },
        'certificateFile',
        `"/no/such.pem" can't be read: there is no such file.`,
      ],
      [{ certificateFile: directory.path }, 'certificateFile', 'it is a directory.'],
      [{ certificateFile: garbage }, 'certificateFile', `"${garbage}" holds no PEM certificate.`],
      [{ certificateFile: broken }, 'certificateFile', `"${broken}" holds a broken certificate`],
      [{ keyFile: '/no/such.key' }, 'keyFile', `"/no/such.key" can't be read`],
      [{ keyFile: garbage }, 'keyFile', `"${garbage}" holds no private key in PEM`],
      [
        { keyFile: otherKey },
        'keyFile',
        `"${otherKey}" is not the key of the certificate in "${good.certificateFile}".`,
      ],
      [{ clientCaFile: garbage }, 'clientCaFile', `"${garbage}" holds no PEM certificate.`],
      [
        { requireClientCertificate: true },
        'requireClientCertificate',
        'server.tls.clientCaFile names no authorities',
      ],
    ];
    for (const [change, setting, message] of cases) {
      const error = await startError({ ...good, ...change });
      expect(error.setting).toBe(`server.tls.${setting}`);
      expect(error.message).toContain(`server.tls.${setting}`);
      expect(error.message).toContain(message);
      expect(error.message).not.toContain('\n');
    }
  });
});

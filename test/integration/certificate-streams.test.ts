/** What a stream knows of its client's certificate, and whom TLS lets in at all. */
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import * as x509 from '@peculiar/x509';
import { describe, expect, it, type TestContext } from 'vitest';
import type { ClientCertificate } from '../../src/core/credentials.js';
import type { TlsOptions } from '../../src/transport/net/tls-files.js';
import { CertificateClient, connectSecurely } from '../helpers/certificate-client.js';
import {
  CertificateDirectory,
  selfSigned,
  TestAuthority,
  type CertificatePair,
  type CertificateRequest,
} from '../helpers/certificates.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { RawHttp2Client, FrameType } from '../helpers/raw-http2.js';
import { RawCall } from '../helpers/raw-http2-call.js';
import { startServer, type ServerSettings } from '../helpers/grpc-server.js';
import { RecordingAcceptor } from '../helpers/recording-receiver.js';
import type { Clock, SystemClock } from '../../src/core/clock.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

const SUBJECT_ALT_NAME = '2.5.29.17';
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

async function setUp<C extends Clock = SystemClock>(
  context: TestContext,
  changes: Partial<TlsOptions> = {},
  settings: ServerSettings<C> = {},
) {
  const directory = new CertificateDirectory();
  context.onTestFinished(() => {
    directory.remove();
  });
  const [authority, clients] = await Promise.all([
    TestAuthority.create('Server authority'),
    TestAuthority.create('Client authority'),
  ]);
  const pair = await authority.issue({ name: 'server' });
  const acceptor = new RecordingAcceptor();
  const running = await startServer<C>(context, {
    accept: acceptor.accept,
    tls: {
      certificateFile: directory.write('server.pem', pair.cert),
      keyFile: directory.write('server.key', pair.key),
      clientCaFile: directory.write('clients.pem', clients.cert),
      reloadIntervalMs: 0,
      ...changes,
    },
    ...settings,
  });
  const { port } = running;
  const connect = (options: { pair?: CertificatePair | undefined; version?: 'TLSv1.2' | 'TLSv1.3' } = {}) =>
    CertificateClient.connect(context, { port, authority, ...options });
  /** The certificate of a new stream, as the server sees it. */
  const seenOf = async (client: CertificateClient): Promise<ClientCertificate | undefined> => {
    const index = acceptor.receivers.length;
    client.openStream();
    const { stream } = await acceptor.receiver(index);
    return stream.certificate;
  };
  /** Connects and waits to be sent away. */
  const refused = async (shown: CertificatePair | undefined): Promise<void> => {
    const socket = await connectSecurely(context, { port, authority, pair: shown });
    socket.resume();
    if (!socket.closed) await once(socket, 'close');
  };
  return { ...running, directory, authority, clients, acceptor, connect, seenOf, refused };
}

/** A subjectAltName extension with these bytes in it. */
function rawNames(bytes: readonly number[]): x509.Extension {
  return new x509.Extension(SUBJECT_ALT_NAME, false, Buffer.from(bytes));
}

describe.each(STREAM_HANDLERS)('the certificate of a stream, through the %s handler', (streamHandler) => {
  it.for(VERSIONS)('is what its client has shown, over %s', async (version, context) => {
    const { clients, connect, seenOf } = await setUp(context, {}, { streamHandler });
    const pair = await clients.issue({
      name: 'orders',
      dnsNames: ['orders.example', 'old.orders.example'],
      uris: ['spiffe://example/ns/shop/sa/orders'],
      purposes: ['client'],
    });
    const client = await connect({ pair, version });
    expect(client.socket.getProtocol()).toBe(version);
    const seen = await seenOf(client);
    const whole = new X509Certificate(pair.cert);
    expect(seen).toEqual({
      commonName: 'orders',
      dnsNames: ['orders.example', 'old.orders.example'],
      uris: ['spiffe://example/ns/shop/sa/orders'],
      expiresAtMs: Date.parse(whole.validTo),
      thumbprint: Buffer.from(whole.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'),
    });
    // Read once a connection.
    expect(await seenOf(client)).toBe(seen);
  });

  it.for(VERSIONS)('is none where the client has shown none, over %s', async (version, context) => {
    const { clients, connect, seenOf } = await setUp(context, {}, { streamHandler });
    expect(await seenOf(await connect({ version }))).toBeUndefined();
    // Whose neighbour has one.
    await connect({ version, pair: await clients.issue({ name: 'neighbour' }) });
    expect(await seenOf(await connect({ version }))).toBeUndefined();
  });

  it('stays what it was when the network connection is gone', async (context) => {
    const { clients, connect, seenOf, acceptor } = await setUp(context, {}, { streamHandler });
    const client = await connect({ pair: await clients.issue({ name: 'gone' }) });
    const seen = await seenOf(client);
    client.break();
    const receiver = await acceptor.receiver();
    expect(await receiver.closed()).toBe('lost');
    expect(receiver.stream.certificate).toBe(seen);
    expect(seen?.commonName).toBe('gone');
  });

  it('is none without TLS', async (context) => {
    const acceptor = new RecordingAcceptor();
    const { port } = await startServer(context, { accept: acceptor.accept, streamHandler });
    const call = new RawCall(`127.0.0.1:${String(port)}`);
    const receiver = await acceptor.receiver();
    expect(receiver.stream.certificate).toBeUndefined();
    receiver.stream.end();
    await call.response;
  });
});

describe('whom TLS lets in', () => {
  it('takes a chain by an intermediate authority', async (context) => {
    const { clients, connect, seenOf } = await setUp(context);
    const between = await clients.intermediate({ name: 'Between' });
    const pair = await (await between.intermediate({ name: 'Further down' })).issue({ name: 'leaf' });
    expect(await seenOf(await connect({ pair }))).toMatchObject({ commonName: 'leaf' });
  });

  it('refuses all others, says why, and counts them', async (context) => {
    const { server, clients, connect, seenOf, refused, log, metrics, acceptor, clock } = await setUp(
      context,
      {},
      { clock: new FakeClock({ wallStartMs: Date.now() }), keepaliveIntervalMs: 0 },
    );
    // As every other authority of this name: what counts is the key.
    const strangers = await TestAuthority.create('Client authority');
    const between = await clients.intermediate({ name: 'Between' });
    const expiredBetween = await clients.intermediate({ name: 'Old', validFromDays: -3, validForDays: -1 });
    const chainless = await between.issue({ name: 'chainless' });
    const names = new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://example/one' }]);
    const clientOf = (request: Partial<CertificateRequest>): Promise<CertificatePair> =>
      clients.issue({ name: 'client', ...request });
    const cases: readonly (readonly [CertificatePair, RegExp])[] = [
      [
        await strangers.issue({ name: 'stranger' }),
        /CERT_SIGNATURE_FAILURE|is not in server\.tls\.clientCaFile/,
      ],
      [await selfSigned({ name: 'self' }), /it is signed by itself \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
      [await clientOf({ validFromDays: -3, validForDays: -1 }), /has expired \(CERT_HAS_EXPIRED\)/],
      [await clientOf({ validFromDays: 2 }), /is not valid yet \(CERT_NOT_YET_VALID\)/],
      [await clientOf({ purposes: ['server'] }), /extended key usage .* \(INVALID_PURPOSE\)/],
      [await expiredBetween.issue({ name: 'below' }), /has expired/],
      [
        { ...chainless, cert: firstOf(chainless.cert) },
        /or the client sends no intermediate certificates \(UNABLE_/,
      ],
      // Names that are none: a sequence that ends too late, another kind, and two answers to one question.
      [await clientOf({ uris: [], extensions: [rawNames([0x30, 0x03, 0x86, 0x05, 0x61])] }), /./],
      [await clientOf({ uris: [], extensions: [rawNames([0x04, 0x01, 0x61])] }), /./],
      [await clientOf({ uris: ['spiffe://example/two'], extensions: [names] }), /./],
    ];
    for (const [index, [pair, reason]] of cases.entries()) {
      // The log says one a while.
      clock.advance(10_000);
      await refused(pair);
      await expect.poll(() => metrics.handshakeFailures).toBe(index + 1);
      const last = log.lines.at(-1);
      expect(last).toMatchObject({ level: 'warn', message: 'a TLS connection was refused' });
      expect(last?.fields).toMatchObject({
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        reason: expect.stringMatching(/^client certificate refused: /),
      });
      expect(JSON.stringify(last?.fields)).toMatch(reason);
    }
    expect(log.lines).toHaveLength(cases.length);
    expect(acceptor.receivers).toHaveLength(0);
    await expect.poll(() => server.socketCount).toBe(0);
    expect(await seenOf(await connect({ pair: await clientOf({}) }))).toMatchObject({ commonName: 'client' });
  });

  it('asks nobody for a certificate without authorities, and believes none', async (context) => {
    const { clients, connect, seenOf } = await setUp(context, {
      clientCaFile: undefined as unknown as string,
    });
    expect(await seenOf(await connect({ pair: await clients.issue({ name: 'c' }) }))).toBeUndefined();
  });

  it('judges new connections by a new authority, and leaves old ones alone', async (context) => {
    const { server, directory, clients, connect, seenOf, refused, metrics, log } = await setUp(context);
    const successors = await TestAuthority.create('Successor');
    const [old, young] = await Promise.all([
      clients.issue({ name: 'old' }),
      successors.issue({ name: 'young' }),
    ]);
    const before = await connect({ pair: old });
    await refused(young);

    directory.write('clients.pem', `${clients.cert}\n${successors.cert}`);
    expect(server.reloadTls()).toBe(true);
    expect(await seenOf(await connect({ pair: old }))).toMatchObject({ commonName: 'old' });
    expect(await seenOf(await connect({ pair: young }))).toMatchObject({ commonName: 'young' });

    directory.write('clients.pem', 'garbage');
    expect(server.reloadTls()).toBe(false);
    expect(log.count('the last good one stays in use')).toBe(1);
    expect(await seenOf(await connect({ pair: old }))).toMatchObject({ commonName: 'old' });

    directory.write('clients.pem', successors.cert);
    expect(server.reloadTls()).toBe(true);
    await refused(old);
    await expect.poll(() => metrics.handshakeFailures).toBe(2);
    expect(await seenOf(await connect({ pair: young }))).toMatchObject({ commonName: 'young' });
    expect(await seenOf(before)).toMatchObject({ commonName: 'old' });
  });

  it.for(VERSIONS)('resumes no TLS session, before a reload and after, over %s', async (version, context) => {
    const { port, server, directory, authority, clients } = await setUp(context);
    const pair = await clients.issue({ name: 'returning' });
    const reusedOf = async (): Promise<boolean> => {
      const first = await connectSecurely(context, { port, authority, pair, version });
      const http2 = new RawHttp2Client(first);
      http2.sendPreface();
      // What the server has to say of sessions comes before its SETTINGS.
      await http2.frameOf(FrameType.SETTINGS);
      const session = first.getSession();
      if (session === undefined) return false;
      const second = await connectSecurely(context, { port, authority, pair, version, session });
      return second.isSessionReused();
    };
    expect(await reusedOf()).toBe(false);
    const successors = await TestAuthority.create('Successor');
    directory.write('clients.pem', `${clients.cert}\n${successors.cert}`);
    expect(server.reloadTls()).toBe(true);
    expect(await reusedOf()).toBe(false);
  });

  it('does not negotiate anew, with another certificate perhaps (RFC 9113 section 9.2.1)', async (context) => {
    const { port, authority, clients } = await setUp(context);
    const pair = await clients.issue({ name: 'first' });
    const socket = await connectSecurely(context, { port, authority, pair, version: 'TLSv1.2' });
    const client = new RawHttp2Client(socket);
    client.sendPreface();
    await client.roundTrip(1);
    // The server's word for it; the callback would tell of a success alone.
    const answer = await new Promise<unknown>((resolve) => {
      socket.once('error', resolve);
      socket.renegotiate({}, resolve);
    });
    expect(answer).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
  });

  it('holds nothing of a flood of bad certificates, and tells of it in a few lines', async (context) => {
    const { server, clients, connect, seenOf, refused, log, metrics } = await setUp(context);
    const good = await connect({ pair: await clients.issue({ name: 'good' }) });
    const bad = await selfSigned({ name: 'bad' });
    const ROUNDS = 20;
    const AT_ONCE = 20;
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => refused(bad)));
    }
    await expect.poll(() => server.socketCount).toBe(1);
    expect(metrics.handshakeFailures).toBe(ROUNDS * AT_ONCE);
    expect(log.lines.length).toBeLessThan(ROUNDS);
    expect(await seenOf(good)).toMatchObject({ commonName: 'good' });
  });
});

function firstOf(chain: string): string {
  return chain.slice(0, chain.indexOf('-----END CERTIFICATE-----')) + '-----END CERTIFICATE-----\n';
}

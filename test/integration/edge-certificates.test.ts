/** The HTTP address over TLS: whose certificate is whom, who is not let in, and files that change while it serves. */
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import { dataMessage, isData, type DataMessage } from '../../src/wire/messages.js';
import { Calendar } from '../helpers/auth-calls.js';
import {
  CertificateDirectory,
  TestAuthority,
  type CertificatePair,
  type CertificateRequest,
} from '../helpers/certificates.js';
import { startGateway, type GatewayUnderTest, type Settings } from '../helpers/gateway.js';
import { clientTls, HttpsClient } from '../helpers/https-client.js';
import { WebSocketCall } from '../helpers/websocket-client.js';

const ORDERS = 'spiffe://example.org/ns/shop/sa/orders';

/** Keys take their time: made once. */
const [servers, clients] = await Promise.all([
  TestAuthority.create('Servers'),
  TestAuthority.create('Clients'),
]);

const issue = (request: Partial<CertificateRequest> = {}): Promise<CertificatePair> =>
  clients.issue({ name: 'client', uris: [ORDERS], ...request });

interface World {
  readonly under: GatewayUnderTest;
  readonly files: CertificateDirectory;
  /** A WebSocket of who shows this. */
  readonly socket: (shown?: CertificatePair) => WebSocketCall;
  /** Requests of who shows this. */
  readonly requests: (shown?: CertificatePair) => HttpsClient;
}

/** A gateway that asks for certificates of `clients`; it ends with the test, behind its clients. */
async function world(settings: Settings = {}, clock = new SystemClock()): Promise<World> {
  const files = new CertificateDirectory();
  onTestFinished(() => {
    files.remove();
  });
  const pair = await servers.issue({ name: 'first' });
  const under = await startGateway(
    {
      'edge.enabled': true,
      routes: '{echo: {kind: echo}, news: {kind: topic}}',
      'auth.methods': 'certificate',
      'auth.certificate.trustDomain': 'example.org',
      'server.tls.certificateFile': files.write('server.pem', pair.cert),
      'server.tls.keyFile': files.write('server.key', pair.key),
      'server.tls.clientCaFile': files.write('clients.pem', clients.cert),
      'server.tls.reloadInterval': 0,
      ...settings,
    },
    {},
    clock,
  );
  onTestFinished(() => under[Symbol.asyncDispose]());
  const { host, port } = new URL(under.edge);
  return {
    under,
    files,
    socket: (shown) => {
      const call = new WebSocketCall(host, { options: { ...clientTls(servers, shown) } });
      onTestFinished(() => {
        call.break();
      });
      return call;
    },
    requests: (shown) => {
      const client = new HttpsClient(Number(port), clientTls(servers, shown));
      onTestFinished(() => {
        client[Symbol.dispose]();
      });
      return client;
    },
  };
}

/** The first message from now on that is what is waited for. */
async function heard(call: WebSocketCall, isIt: (message: DataMessage) => boolean): Promise<DataMessage> {
  const found = new Promise<DataMessage>((resolve) => {
    call.onMessage = (message) => {
      if (isIt(message)) resolve(message);
    };
  });
  const ended = call.ended.then(({ closeReason }) => {
    throw new Error(`it ended: ${closeReason}`);
  });
  return Promise.race([found, ended]);
}

/** Who it is taken for. */
async function welcomed(call: WebSocketCall): Promise<string | undefined> {
  const { control } = await heard(call, (message) => message.control?.action === 'welcome');
  return control?.action === 'welcome' ? control.clientId : undefined;
}

/** It is served. */
async function echoed(call: WebSocketCall): Promise<void> {
  const answer = heard(call, isData);
  call.send([dataMessage({ sessionId: 's', data: Buffer.from('hello') })]);
  expect(Buffer.from((await answer).data).toString()).toBe('hello');
}

const refused = (code: string, message: RegExp) => ({
  status: 401,
  error: { code, message: expect.stringMatching(message) as string },
});

describe('a client certificate', () => {
  it('is who comes by a WebSocket, and by a request, whoever they say they are', async () => {
    const { under, socket, requests } = await world({
      'auth.classes': '{default: {permissions: ["open:*", "publish:news/{client}"]}}',
    });
    const pair = await issue();
    const call = socket(pair);
    expect(await welcomed(call)).toBe(ORDERS);
    await echoed(call);
    const page = (await (await fetch(`${under.admin}/connections`)).json()) as object;
    expect(page).toMatchObject({
      connections: [{ clientId: ORDERS, carrier: 'websocket', identity: { method: 'certificate' } }],
    });
    const client = requests(pair);
    const own = `/v1/topics/news/${encodeURIComponent(ORDERS)}`;
    expect(await client.post(own, { 'x-client-id': 'root' })).toMatchObject({ status: 200 });
    expect(await client.post('/v1/topics/news/root', { 'x-client-id': 'root' })).toMatchObject({
      status: 403,
    });
    expect(await client.post('/v1/clients/ann/messages')).toMatchObject({
      status: 403,
      error: { code: 'PERMISSION_DENIED' },
    });
    expect(Object.fromEntries(under.gateway.metrics.auth.attempts.certificate)).toEqual({ ok: 4 });
  });

  it('that is not shown, or names nobody here: UNAUTHENTICATED, as over gRPC', async () => {
    const { socket, requests } = await world();
    const cases = [
      [undefined, /^a client certificate is needed/],
      [await issue({ uris: ['spiffe://elsewhere.org/ns/shop/sa/orders'] }), /trust domain/],
      [await issue({ uris: [], dnsNames: ['orders.example'] }), /SPIFFE/],
    ] as const;
    for (const [shown, message] of cases) {
      expect(await socket(shown).ended).toMatchObject({
        status: 16,
        reason: 'UNAUTHENTICATED',
        closeCode: 4001,
        message: expect.stringMatching(message) as string,
      });
      const client = requests(shown);
      for (const path of ['/v1/topics/news/tea', '/v1/clients/ann/messages']) {
        expect(await client.post(path)).toMatchObject(refused('UNAUTHENTICATED', message));
      }
    }
  });

  it.each<[string, Settings, () => Promise<CertificatePair> | undefined, RegExp]>([
    [
      'of another authority',
      { 'auth.methods': 'certificate,anonymous' },
      async () => (await TestAuthority.create('Strangers')).issue({ name: 'client', uris: [ORDERS] }),
      /^client certificate refused: its authority is not in server\.tls\.clientCaFile/,
    ],
    [
      'past its time',
      { 'auth.methods': 'certificate,anonymous' },
      () => issue({ validFromDays: -3, validForDays: -1 }),
      /^client certificate refused: .* \(CERT_HAS_EXPIRED\)$/,
    ],
    [
      'where one is required, none',
      { 'server.tls.requireClientCertificate': true },
      () => undefined,
      /^no client certificate$/,
    ],
  ])('%s, does not even get through TLS, and the log says why', async (_what, settings, show, reason) => {
    const { under, socket, requests } = await world(settings);
    const shown = await show();
    await expect(requests(shown).post('/v1/topics/news/tea')).rejects.toThrow();
    expect(await socket(shown).ended).toMatchObject({ closeCode: 1006 });
    expect(under.gateway.connections).toBe(0);
    expect(under.gateway.metrics.handshakeFailures).toBe(2);
    expect(under.log.find(({ message }) => message === 'a TLS connection was refused')).toMatchObject({
      level: 'warn',
      fields: {
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
        reason: expect.stringMatching(reason) as string,
      },
    });
  });

  it('whose name was revoked ends its WebSocket, and is refused on a connection that is open already', async () => {
    const { under, socket, requests } = await world();
    const pair = await issue();
    const call = socket(pair);
    await welcomed(call);
    const client = requests(pair);
    const before = await client.post('/v1/topics/news/tea');
    expect(before.status).toBe(200);
    const revocations = `${under.admin}/revocations`;
    const revoked = await fetch(revocations, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: ORDERS }),
    });
    expect(await revoked.json()).toMatchObject({ connectionsEnded: 1 });
    expect(await call.ended).toMatchObject({ reason: 'UNAUTHENTICATED', closeCode: 4001 });
    expect(await client.post('/v1/topics/news/tea')).toMatchObject({
      ...refused('UNAUTHENTICATED', /revoked/),
      localPort: before.localPort,
    });
    expect(await socket(await issue()).ended).toMatchObject({ reason: 'UNAUTHENTICATED' });
    await fetch(`${revocations}/${encodeURIComponent(ORDERS)}`, { method: 'DELETE' });
    expect(await client.post('/v1/topics/news/tea')).toMatchObject({ status: 200 });
  });

  it('that expires while connected: Drain, then TOKEN_EXPIRED; no more requests on its connection', async () => {
    const clock = new Calendar();
    const { socket, requests } = await world(
      { 'auth.expiryNotice': '200ms', 'auth.expiryGrace': '100ms' },
      clock,
    );
    const pair = await issue({ validForDays: 1 });
    const expiresAtMs = Date.parse(new X509Certificate(pair.cert).validTo);
    clock.wallMs = expiresAtMs - 201;
    const call = socket(pair);
    await welcomed(call);
    const client = requests(pair);
    const { localPort } = await client.post('/v1/topics/news/tea');
    const told = heard(call, (message) => message.control?.action === 'drain');
    clock.wallMs = expiresAtMs - 200;
    expect((await told).control).toMatchObject({
      deadlineMs: 300,
      reason: 'connection: its client certificate expires',
    });
    expect(await client.post('/v1/topics/news/tea')).toMatchObject({ status: 200, localPort });
    clock.wallMs = expiresAtMs + 100;
    expect(await call.ended).toMatchObject({ status: 16, reason: 'TOKEN_EXPIRED', closeCode: 4001 });
    expect(await client.post('/v1/topics/news/tea')).toMatchObject({
      ...refused('TOKEN_EXPIRED', /^the client certificate expired at /),
      localPort,
    });
  });
});

describe('files that change while it serves', () => {
  async function install({ files }: World, name: string): Promise<void> {
    const pair = await servers.issue({ name });
    files.write('server.pem', pair.cert);
    files.write('server.key', pair.key);
  }

  /** Whose certificate a new connection is shown. */
  async function nameShown({ requests }: World, pair: CertificatePair): Promise<string> {
    using client = requests(pair);
    return (await client.post('/v1/topics/news/tea')).server;
  }

  it('a new certificate is shown to new connections, and those that are open live on', async () => {
    const here = await world({ 'server.tls.reloadInterval': '50ms' });
    const pair = await issue();
    const call = here.socket(pair);
    await welcomed(call);
    const client = here.requests(pair);
    const before = await client.post('/v1/topics/news/tea');
    expect(before).toMatchObject({ status: 200, server: 'first' });
    await install(here, 'second');
    await expect.poll(() => nameShown(here, pair), { timeout: 10_000 }).toBe('second');
    expect(await client.post('/v1/topics/news/tea')).toEqual(before);
    await echoed(call);
    expect(await welcomed(here.socket(pair))).toBe(ORDERS);
  });

  it('a broken one changes nothing: the log says so of each address, once, and the gateway stays ready', async () => {
    const here = await world();
    const { under, files } = here;
    const pair = await issue();
    files.write('server.pem', 'garbage');
    under.gateway.reload();
    under.gateway.reload();
    expect(under.log.filter(({ level }) => level === 'error')).toMatchObject(
      ['server', 'edge'].map((door) => ({
        message: expect.stringMatching(
          /^TLS certificate not reloaded, the last good one stays in use: server\.tls\.certificateFile: /,
        ) as string,
        fields: { door },
      })),
    );
    expect(await nameShown(here, pair)).toBe('first');
    expect((await fetch(`${under.admin}/readyz`)).status).toBe(200);
    await install(here, 'second');
    under.gateway.reload();
    expect(await nameShown(here, pair)).toBe('second');
  });

  it('an authority that is believed no more: who is connected stays, who comes is refused', async () => {
    const here = await world();
    const { under, files, socket, requests } = here;
    const successors = await TestAuthority.create('Successors');
    const [pair, successor] = await Promise.all([
      issue(),
      successors.issue({ name: 'client', uris: [ORDERS] }),
    ]);
    const call = socket(pair);
    await welcomed(call);
    files.write('clients.pem', successors.cert);
    under.gateway.reload();
    expect(await welcomed(socket(successor))).toBe(ORDERS);
    await expect(requests(pair).post('/v1/topics/news/tea')).rejects.toThrow();
    expect(await socket(pair).ended).toMatchObject({ closeCode: 1006 });
    await echoed(call);
  });
});

it('who would speak HTTP/2 is told nothing, and the log what is spoken here', async () => {
  const { under } = await world();
  const socket = connect({
    port: Number(new URL(under.edge).port),
    host: '127.0.0.1',
    ...clientTls(servers),
    ALPNProtocols: ['h2'],
  });
  socket.on('error', () => undefined);
  await new Promise((closed) => socket.once('close', closed));
  await expect
    .poll(() => under.log.map(({ fields }) => fields), { timeout: 10_000 })
    .toContainEqual(
      expect.objectContaining({
        reason: 'the client does not offer HTTP/1.1 (ALPN http/1.1): server.listen is for gRPC',
      }),
    );
});

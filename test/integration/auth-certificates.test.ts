/** Mutual TLS over real gRPC: whose certificate is whom, and what becomes of connections whose certificate is over. */
import { X509Certificate, randomBytes } from 'node:crypto';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import {
  AuthFiles,
  Calendar,
  claimsOf,
  endOf,
  open,
  refusalOf,
  welcomedAs,
  whoIs,
} from '../helpers/auth-calls.js';
import { TestAuthority, type CertificatePair, type CertificateRequest } from '../helpers/certificates.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { makeTokenKey, publicPem, signToken } from '../helpers/tokens.js';

const ORDERS = 'spiffe://example.org/ns/shop/sa/orders';

/** A closed channel's timer for its next attempt goes on: it is not to be waited for. */
const SOON = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 100 };

async function world(context: TestContext, settings: Settings = {}, clock = new SystemClock()) {
  const files = new AuthFiles();
  context.onTestFinished(() => {
    files[Symbol.dispose]();
  });
  const [authority, clients] = await Promise.all([
    TestAuthority.create('Servers'),
    TestAuthority.create('Clients'),
  ]);
  const pair = await authority.issue({ name: 'server' });
  const server = await startGateway(
    {
      'auth.methods': 'certificate',
      'server.tls.certificateFile': files.write('server.pem', pair.cert),
      'server.tls.keyFile': files.write('server.key', pair.key),
      'server.tls.clientCaFile': files.write('clients.pem', clients.cert),
      'server.tls.reloadInterval': 0,
      'server.drainGrace': '200ms',
      ...settings,
    },
    {},
    clock,
  );
  context.onTestFinished(() => server[Symbol.asyncDispose]());
  const showing = (shown?: CertificatePair): ChannelCredentials =>
    credentials.createSsl(
      Buffer.from(authority.cert),
      shown === undefined ? null : Buffer.from(shown.key),
      shown === undefined ? null : Buffer.from(shown.cert),
    );
  const issue = (request: Partial<CertificateRequest>): Promise<CertificatePair> =>
    clients.issue({ name: 'client', ...request });
  /** Whom a certificate is taken for. */
  const whoHas = async (request: Partial<CertificateRequest>): Promise<unknown> =>
    whoIs(server.address, undefined, { credentials: showing(await issue(request)) });
  const refused = async (request: Partial<CertificateRequest>): Promise<string> => {
    const refusal = await refusalOf(server.address, undefined, {
      credentials: showing(await issue(request)),
    });
    expect(refusal).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    return refusal.message;
  };
  return { server, files, authority, clients, showing, issue, whoHas, refused };
}

describe.each(STREAM_HANDLERS)('a client certificate, through the %s handler', (streamHandler) => {
  const handler = { 'server.streamHandler': streamHandler };

  it('is its SPIFFE ID, of the trust domain that was named', async (context) => {
    const { whoHas, refused, server, showing } = await world(context, {
      ...handler,
      'auth.certificate.trustDomain': 'example.org',
    });
    expect(await whoHas({ uris: [ORDERS] })).toBe(ORDERS);
    expect(await refused({ uris: ['spiffe://elsewhere.org/ns/shop/sa/orders'] })).toMatch(/trust domain/);
    expect(await refused({ uris: [ORDERS, 'spiffe://example.org/ns/shop/sa/root'] })).toMatch(/SPIFFE/);
    expect(await refused({ dnsNames: ['orders.example'] })).toMatch(/SPIFFE/);
    const nothing = await refusalOf(server.address, undefined, { credentials: showing() });
    expect(nothing).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    expect(Object.fromEntries(server.gateway.metrics.auth.attempts.certificate)).toEqual({
      ok: 1,
      UNAUTHENTICATED: 3,
    });
  });

  it('is its DNS name, or its common name, as configured', async (context) => {
    const dns = await world(context, { ...handler, 'auth.certificate.identity': 'dns' });
    expect(await dns.whoHas({ dnsNames: ['orders.example'], uris: [ORDERS] })).toBe('orders.example');
    expect(await dns.refused({ dnsNames: ['orders.example', 'root.example'] })).toMatch(/DNS/);
    const named = await world(context, { ...handler, 'auth.certificate.identity': 'commonName' });
    expect(await named.whoHas({ name: 'orders' })).toBe('orders');
    expect(await named.refused({ commonNames: [] })).toMatch(/common name/);
  });
});

describe('certificates', () => {
  it('of another authority, or past their time, do not even get through TLS', async (context) => {
    const { server, showing, issue } = await world(context, { 'auth.methods': 'certificate,anonymous' });
    const strangers = await TestAuthority.create('Clients');
    for (const pair of [
      await strangers.issue({ name: 'stranger', uris: [ORDERS] }),
      await issue({ uris: [ORDERS], validFromDays: -3, validForDays: -1 }),
    ]) {
      using client = new StreamClient(server.address, { credentials: showing(pair), channel: SOON });
      // No anonymous client is made of somebody who shows what does not hold.
      expect(await client.status).toMatchObject({ code: 14 });
      expect(client.received).toEqual([]);
    }
    expect(server.gateway.connections).toBe(0);
  });

  it('come after a token, and before nothing', async (context) => {
    const key = makeTokenKey('ES256');
    using files = new AuthFiles();
    const { server, showing, issue } = await world(context, {
      'auth.methods': 'jwt,certificate,anonymous',
      'auth.jwt.keyFile': files.write('key', publicPem(key)),
    });
    const { address } = server;
    const pair = await issue({ uris: [ORDERS] });
    const shown = { credentials: showing(pair), metadata: { 'x-client-id': 'me' } };
    const token = signToken(key, claimsOf('ann'));
    expect(await whoIs(address, token, shown)).toBe('ann');
    expect(await whoIs(address, undefined, shown)).toBe(ORDERS);
    expect(await whoIs(address, undefined, { ...shown, credentials: showing() })).toBe('anonymous:me');
    expect(await refusalOf(address, `${token.slice(0, -4)}AAAA`, shown)).toMatchObject({
      reason: 'UNAUTHENTICATED',
    });
    // A token that is bound to a certificate is good with that one alone.
    const { fingerprint256 } = new X509Certificate(pair.cert);
    const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
    const bound = signToken(key, claimsOf('ann', { cnf: { 'x5t#S256': thumbprint } }));
    expect(await whoIs(address, bound, shown)).toBe('ann');
    const other = showing(await issue({ uris: [ORDERS] }));
    for (const stolen of [other, showing()]) {
      expect(await refusalOf(address, bound, { credentials: stolen })).toMatchObject({
        reason: 'UNAUTHENTICATED',
      });
    }
  });

  it('whose name was revoked are refused, and who is connected with one is sent away', async (context) => {
    const { server, showing, issue } = await world(context);
    const shown = { credentials: showing(await issue({ uris: [ORDERS] })) };
    using client = new StreamClient(server.address, shown);
    expect(await welcomedAs(client)).toBe(ORDERS);
    const response = await fetch(`${server.admin}/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: ORDERS }),
    });
    expect(await response.json()).toMatchObject({ connectionsEnded: 1 });
    expect(await endOf(client)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    // One that was issued since, too: a certificate does not say when.
    const fresh = { credentials: showing(await issue({ uris: [ORDERS] })) };
    for (const options of [shown, fresh]) {
      expect(await refusalOf(server.address, undefined, options)).toMatchObject({
        reason: 'UNAUTHENTICATED',
      });
    }
    expect(
      (await fetch(`${server.admin}/revocations/${encodeURIComponent(ORDERS)}`, { method: 'DELETE' })).status,
    ).toBe(204);
    expect(await whoIs(server.address, undefined, fresh)).toBe(ORDERS);
  });

  it('that expire while connected: Drain, the session goes on with a new one, then TOKEN_EXPIRED', async (context) => {
    const clock = new Calendar();
    const { server, showing, issue } = await world(
      context,
      { 'auth.expiryNotice': '200ms', 'auth.expiryGrace': '100ms' },
      clock,
    );
    const old = await issue({ uris: [ORDERS], validForDays: 1 });
    const expiresAtMs = Date.parse(new X509Certificate(old.cert).validTo);
    clock.wallMs = expiresAtMs - 201;
    const resumeToken = randomBytes(16);
    using client = new StreamClient(server.address, { credentials: showing(old) });
    expect(await open(client, 's', { route: 'echo', resumeToken, attempt: 1 })).toBe('opened');
    expect(client.controls('drain')).toEqual([]);

    clock.wallMs = expiresAtMs - 200;
    await client.until(() => client.controls('drain').length === 1);
    expect(client.controls('drain')[0]?.control?.['drain']).toMatchObject({
      deadlineMs: 300,
      reason: 'connection: its client certificate expires',
    });
    using next = new StreamClient(server.address, { credentials: showing(await issue({ uris: [ORDERS] })) });
    expect(await open(next, 's', { resume: true, resumeToken, attempt: 2 })).toBe('resumed');
    next.sendData('s', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await next.untilData(1);

    clock.wallMs = expiresAtMs + 100;
    expect(await endOf(client)).toMatchObject({ status: 16, reason: 'TOKEN_EXPIRED', retryAfterMs: 0 });
    await expect.poll(() => server.gateway.connections).toBe(1);
    next.sendData('s', 'two', { type: 'MESSAGE_TYPE_DATA', sequence: 2 });
    await next.untilData(2);
  });

  it('of an authority that is believed no more: who is connected stays, who comes is refused', async (context) => {
    const { server, files, showing, issue } = await world(context);
    const [pair, successors] = [await issue({ uris: [ORDERS] }), await TestAuthority.create('Successors')];
    using client = new StreamClient(server.address, { credentials: showing(pair) });
    await welcomedAs(client);
    files.write('clients.pem', successors.cert);
    server.gateway.reload();
    const successor = await successors.issue({ name: 'client', uris: [ORDERS] });
    await expect
      .poll(async () => {
        using next = new StreamClient(server.address, { credentials: showing(successor), channel: SOON });
        return await welcomedAs(next).catch(() => 'refused');
      })
      .toBe(ORDERS);
    using late = new StreamClient(server.address, { credentials: showing(pair), channel: SOON });
    expect(await late.status).toMatchObject({ code: 14 });
    client.sendData('s', 'still here');
    await client.untilData(1);
  });
});

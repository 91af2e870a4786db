/** Tokens over real gRPC: those of a file, and those that an issuer signs. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  AuthFiles,
  authenticate,
  bearer,
  claimsOf,
  endOf,
  expectRefused,
  open,
  outcomeOf,
  staticTokens,
  welcomedAs,
  whoIs,
} from '../helpers/auth-calls.js';
import { startGateway, type GatewayUnderTest, type Settings } from '../helpers/gateway.js';
import { answerKeys, answerText, JwksServer } from '../helpers/jwks-server.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { makeTokenKey, publicPem, signToken } from '../helpers/tokens.js';

const METHODS = ['StreamData', 'StreamBatches'] as const;
const newToken = (): string => randomBytes(32).toString('base64url');

function attemptsOf({ gateway }: GatewayUnderTest, method: 'static' | 'jwt' | 'none'): object {
  return Object.fromEntries(gateway.metrics.auth.attempts[method]);
}

/** A gateway that believes the tokens of this key set's address. */
function jwksSettings(url: string, more: Settings = {}): Settings {
  return { 'auth.methods': 'jwt', 'auth.jwt.jwksUrl': url, ...more };
}

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  describe.each(METHODS)('%s', (method) => {
    it('a static token says who is calling, in the metadata or by Authenticate', async () => {
      using files = new AuthFiles();
      const [ann, bob] = [newToken(), newToken()];
      const file = files.write(
        'tokens.json',
        staticTokens({ token: ann, subject: 'ann' }, { token: bob, subject: 'bob', permissions: [] }),
      );
      await using server = await startGateway({
        ...{ ...settings, 'auth.methods': 'static', 'auth.static.file': file },
      });
      const { address } = server;
      // Whoever has proved who they are is not who they say they are.
      expect(await whoIs(address, ann, { method, metadata: { 'x-client-id': 'root' } })).toBe('ann');
      using late = new StreamClient(address, { method });
      authenticate(late, ann);
      // Read once it is known who says it.
      late.sendData('s', 'right behind');
      expect(await welcomedAs(late)).toBe('ann');
      await late.untilData(1);
      expect(late.data[0]?.data.toString()).toBe('right behind');

      using denied = new StreamClient(address, { method, metadata: bearer(bob) });
      expect(await welcomedAs(denied)).toBe('bob');
      denied.sendData('s', 'a word');
      await denied.until(() => denied.controls('closed').length > 0);
      expect(denied.controls('closed')[0]?.control?.['closed']).toMatchObject({
        code: 'PERMISSION_DENIED',
      });
      expect(denied.data).toEqual([]);

      await expectRefused(address, newToken(), 'UNAUTHENTICATED', { method });
      using wrong = new StreamClient(address, { method });
      authenticate(wrong, newToken());
      expect(await endOf(wrong)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
      using talker = new StreamClient(address, { method });
      talker.sendData('s', 'let me in');
      expect(await endOf(talker)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
      expect(attemptsOf(server, 'static')).toEqual({ ok: 3, UNAUTHENTICATED: 2 });
    });

    it('a signed token does: claims become the client ID and its permissions', async () => {
      using files = new AuthFiles();
      const key = makeTokenKey('ES256', { kid: 'k1' });
      await using server = await startGateway({
        ...settings,
        'auth.methods': 'jwt',
        'auth.jwt.keyFile': files.write('key.pem', publicPem(key)),
        'auth.jwt.issuer': 'https://id.example',
        'auth.jwt.audience': 'sluice',
        'auth.jwt.permissionsClaim': 'scope',
      });
      const { address } = server;
      const made = { iss: 'https://id.example', aud: 'sluice' };
      const ann = signToken(key, claimsOf('ann', { ...made, scope: 'openid open:echo/{client}' }));
      using client = new StreamClient(address, { method, metadata: bearer(ann) });
      expect(await open(client, 'own', { route: 'echo', subject: 'ann' })).toBe('opened');
      expect(await open(client, 'other', { route: 'echo', subject: 'bob' })).toBe('PERMISSION_DENIED');
      expect(client.controls('closed').at(-1)?.control?.['closed']?.['reason']).toBe(
        'permission open:echo/bob is missing',
      );
      // The same for what exists and what does not.
      expect(await open(client, 'none', { route: 'nowhere' })).toBe('PERMISSION_DENIED');

      const forged = signToken(makeTokenKey('ES256', { kid: 'k1' }), claimsOf('ann', made));
      await expectRefused(address, forged, 'UNAUTHENTICATED', { method });
      const elsewhere = signToken(key, claimsOf('ann', { ...made, aud: 'billing' }));
      expect(await expectRefused(address, elsewhere, 'UNAUTHENTICATED', { method })).toMatch(/aud/);
      const past = Math.floor(Date.now() / 1_000) - 3_600;
      const old = signToken(key, claimsOf('ann', { ...made, iat: past - 60, exp: past }));
      await expectRefused(address, old, 'TOKEN_EXPIRED', { method });
    });
  });
});

describe('the file of static tokens, while clients are connected', () => {
  it('gains one, loses one, breaks, and is mended', async () => {
    using files = new AuthFiles();
    const [ann, bob, cid] = [newToken(), newToken(), newToken()];
    const entries = [
      { token: ann, subject: 'ann' },
      { token: bob, subject: 'bob' },
      { token: cid, subject: 'cid' },
    ] as const;
    const file = files.write('tokens.json', staticTokens(entries[0], entries[1]));
    await using server = await startGateway({ 'auth.methods': 'static', 'auth.static.file': file });
    const { address, gateway } = server;
    using annsStream = new StreamClient(address, { metadata: bearer(ann) });
    using bobsStream = new StreamClient(address, { metadata: bearer(bob) });
    await Promise.all([welcomedAs(annsStream), welcomedAs(bobsStream)]);
    await expectRefused(address, cid, 'UNAUTHENTICATED');

    files.write('tokens.json', staticTokens(entries[0], entries[2]));
    // By itself: the file is looked at again and again.
    expect(await endOf(bobsStream)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    expect(await whoIs(address, cid)).toBe('cid');
    await expectRefused(address, bob, 'UNAUTHENTICATED');

    const faults = (): number => server.log.filter(({ level }) => level === 'error').length;
    // A token in the place of its hash: it must not be told of in the log.
    for (const [n, broken] of ['{', `{"tokens":[{"sha256":"${bob}","subject":"bob"}]}`].entries()) {
      files.write('tokens.json', broken);
      gateway.reload();
      expect(faults()).toBe(n + 1);
    }
    files.remove('tokens.json');
    gateway.reload();
    gateway.reload();
    expect(faults()).toBe(3);
    expect(await whoIs(address, cid)).toBe('cid');
    annsStream.sendData('s', 'still here');
    await annsStream.untilData(1);

    files.write('tokens.json', staticTokens(...entries));
    gateway.reload();
    expect(await whoIs(address, bob)).toBe('bob');
    expect(JSON.stringify(server.log)).not.toContain(bob);
  });
});

describe('the keys of an issuer', () => {
  it('rotate: a token of the new key is taken at once, one of the old key no more', async () => {
    const [old, fresh] = [makeTokenKey('RS256', { kid: 'old' }), makeTokenKey('EdDSA', { kid: 'new' })];
    await using jwks = disposable(await JwksServer.start(answerKeys(old)));
    await using server = await startGateway(jwksSettings(jwks.url, { 'auth.jwt.jwksCooldown': '1ms' }));
    const { address } = server;
    expect(await whoIs(address, signToken(old, claimsOf('ann')))).toBe('ann');
    using client = new StreamClient(address, { metadata: bearer(signToken(old, claimsOf('ann'))) });
    await welcomedAs(client);

    jwks.server.answer = answerKeys(old, fresh);
    expect(await whoIs(address, signToken(fresh, claimsOf('bob')))).toBe('bob');
    jwks.server.answer = answerKeys(fresh);
    server.gateway.reload();
    await expect.poll(() => outcomeOf(address, signToken(old, claimsOf('ann')))).toBe('UNAUTHENTICATED');
    // Who is connected stays, and may bring a token of the new key.
    authenticate(client, signToken(fresh, claimsOf('ann')));
    await client.until(() => client.controls('welcome').length === 2);
    client.sendData('s', 'a word');
    await client.untilData(1);
  });

  it.each([
    ['is gone', async (server: JwksServer) => server.disappear()],
    ['answers garbage', async (server: JwksServer) => answering(server, '{"keys":[{"kty":"secret"')],
    ['answers a page', async (server: JwksServer) => answering(server, '<!doctype html><h1>Welcome</h1>')],
    ['answers with no keys', async (server: JwksServer) => answering(server, '{"keys":[]}')],
  ])('hold while their server %s; a key that nobody knows waits for it', async (_, break_) => {
    const [known, unknown] = [makeTokenKey('ES256', { kid: 'a' }), makeTokenKey('ES256', { kid: 'b' })];
    await using jwks = disposable(await JwksServer.start(answerKeys(known)));
    await using server = await startGateway(jwksSettings(jwks.url, { 'auth.jwt.jwksCooldown': '1ms' }));
    const { address } = server;
    expect(await whoIs(address, signToken(known, claimsOf('ann')))).toBe('ann');
    await break_(jwks.server);
    const forBob = signToken(unknown, claimsOf('bob'));
    await expectRefused(address, forBob, 'AUTH_UNAVAILABLE');
    expect(await whoIs(address, signToken(known, claimsOf('ann')))).toBe('ann');

    jwks.server.answer = answerKeys(known, unknown);
    await jwks.back();
    expect(await whoIs(address, forBob)).toBe('bob');
  });

  it('that were never there: who comes is told to come again, and is let in then', async () => {
    const key = makeTokenKey('ES256', { kid: 'a' });
    await using jwks = disposable(await JwksServer.start(answerText('', {})));
    await jwks.server.disappear();
    await using server = await startGateway(jwksSettings(jwks.url, { 'auth.jwt.jwksCooldown': '1ms' }));
    const token = signToken(key, claimsOf('ann'));
    await expectRefused(server.address, token, 'AUTH_UNAVAILABLE');
    jwks.server.answer = answerKeys(key);
    await jwks.back();
    await expect.poll(() => outcomeOf(server.address, token)).toBe('ann');
    expect(server.gateway.metrics.auth.attempts.jwt.get('UNAUTHENTICATED')).toBeUndefined();
  });
});

async function answering(server: JwksServer, text: string): Promise<void> {
  server.answer = answerText(text);
  return Promise.resolve();
}

function disposable(server: JwksServer) {
  let here = true;
  return {
    server,
    url: server.url,
    async back() {
      await server.disappear();
      await server.appear();
      here = true;
    },
    async [Symbol.asyncDispose]() {
      if (here) await server.disappear();
    },
  };
}

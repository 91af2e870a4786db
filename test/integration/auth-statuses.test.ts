/** How somebody is turned away, as clients read it that nobody here wrote: codes, reasons, and when to come again. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  authenticate,
  AuthFiles,
  bearer,
  Calendar,
  claimsOf,
  endOf,
  refusalOf,
  staticTokens,
  welcomedAs,
  type StaticToken,
} from '../helpers/auth-calls.js';
import { bufCurl, pythonClient, requirePython } from '../helpers/external-clients.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { answerKeys, JwksServer } from '../helpers/jwks-server.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { makeTokenKey, publicPem, signToken } from '../helpers/tokens.js';

const newToken = (): string => randomBytes(32).toString('base64url');
const ANN = newToken();

function staticSettings(files: AuthFiles, ...more: readonly StaticToken[]): Settings {
  const file = files.write('tokens', staticTokens({ token: ANN, subject: 'ann' }, ...more));
  return { 'auth.methods': 'static', 'auth.static.file': file };
}

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  const handler = { 'server.streamHandler': streamHandler };

  describe.each(['StreamData', 'StreamBatches'] as const)('%s', (method) => {
    it('UNAUTHENTICATED and PERMISSION_DENIED are for good: no time to come again is told', async () => {
      using files = new AuthFiles();
      const few = { token: newToken(), subject: 'bob', permissions: ['open:topic'] };
      await using server = await startGateway({ ...staticSettings(files, few), ...handler });
      expect(await refusalOf(server.address, newToken(), { method })).toEqual({
        status: 16,
        reason: 'UNAUTHENTICATED',
        message: 'the token is not known',
        retryAfterMs: undefined,
      });
      // Who names a route at connect is judged there, before it is looked up.
      for (const route of ['echo', 'nowhere']) {
        const metadata = { 'x-route': route, 'x-subject': 'a b' };
        expect(await refusalOf(server.address, few.token, { method, metadata })).toEqual({
          status: 7,
          reason: 'PERMISSION_DENIED',
          message: `permission open:${route}/a b is missing`,
          retryAfterMs: undefined,
        });
      }
      expect(server.gateway.metrics.auth.denied.get('open')).toBe(2);
    });

    it('RATE_LIMITED says for how long: too many attempts of the address have failed', async () => {
      using files = new AuthFiles();
      const slow = { 'auth.failures.burst': 2, 'auth.failures.perSecond': 0.01 };
      await using server = await startGateway({ ...staticSettings(files), ...handler, ...slow });
      const { address } = server;
      for (let n = 0; n < 2; n += 1) {
        expect(await refusalOf(address, newToken(), { method })).toMatchObject({ reason: 'UNAUTHENTICATED' });
      }
      const { retryAfterMs, ...refusal } = await refusalOf(address, ANN, { method });
      expect(refusal).toMatchObject({ status: 8, reason: 'RATE_LIMITED' });
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(100_000);
      expect(server.gateway.metrics.auth.attemptsSlowed).toBe(1);
    });

    it('AUTH_UNAVAILABLE is UNAVAILABLE with a time to come again', async () => {
      await using server = await startGateway({
        ...handler,
        'auth.methods': 'jwt',
        // Nobody listens there.
        'auth.jwt.jwksUrl': 'http://127.0.0.1:1/keys',
      });
      const token = signToken(makeTokenKey('ES256', { kid: 'k' }), claimsOf('ann'));
      const refusal = await refusalOf(server.address, token, { method });
      expect(refusal).toMatchObject({ status: 14, reason: 'AUTH_UNAVAILABLE' });
      expect(refusal.retryAfterMs).toBeGreaterThan(0);
    });

    it('UNAUTHENTICATED for a key that may be new says when to come again, in the call and by Authenticate', async () => {
      const keys = await JwksServer.start(answerKeys(makeTokenKey('ES256', { kid: 'known' })));
      onTestFinished(() => keys.disappear());
      await using server = await startGateway({
        ...handler,
        'auth.methods': 'jwt',
        'auth.jwt.jwksUrl': keys.url,
        'auth.jwt.jwksCooldown': '5m',
        'auth.jwt.jwksMaxAge': '10m',
      });
      const { address, gateway } = server;
      const token = signToken(makeTokenKey('ES256', { kid: 'new' }), claimsOf('ann'));
      using late = new StreamClient(address, { method });
      authenticate(late, token);
      for (const refusal of [await refusalOf(address, token, { method }), await endOf(late)]) {
        expect(refusal).toMatchObject({
          ...{ status: 16, reason: 'UNAUTHENTICATED' },
          message: 'The token is signed with a key that is not known here.',
        });
        expect(refusal.retryAfterMs).toBeGreaterThan(0);
        expect(refusal.retryAfterMs).toBeLessThanOrEqual(300_000);
      }
      expect(keys.requests).toBe(1);
      expect(Object.fromEntries(gateway.metrics.auth.attempts.jwt)).toEqual({ UNAUTHENTICATED: 2 });
    });

    it('TOKEN_EXPIRED is told before, and may come again at once with a fresh token', async () => {
      using files = new AuthFiles();
      const clock = new Calendar();
      const ends = {
        token: newToken(),
        subject: 'bob',
        expires: new Date(clock.wallMs + 10_000).toISOString(),
      };
      const settings = { ...staticSettings(files, ends), ...handler, 'auth.expiryGrace': '50ms' };
      await using server = await startGateway(settings, {}, clock);
      const { address } = server;
      clock.wallMs += 9_990;
      using client = new StreamClient(address, { method, metadata: bearer(ends.token) });
      expect(await welcomedAs(client)).toBe('bob');
      // Half of what was left.
      clock.wallMs += 5;
      await client.until(() => client.controls('throttle').length > 0);
      expect(client.controls('throttle')[0]?.control?.['throttle']).toMatchObject({
        scope: 'token',
        retryAfterMs: 5,
      });
      // It slows nothing.
      client.sendData('s', 'a word');
      await client.untilData(1);
      clock.wallMs += 55;
      expect(await endOf(client)).toMatchObject({ status: 16, reason: 'TOKEN_EXPIRED', retryAfterMs: 0 });
      expect(await refusalOf(address, ends.token, { method })).toMatchObject({
        ...{ status: 16, reason: 'TOKEN_EXPIRED' },
      });
    });
  });
});

describe('foreign clients', () => {
  it('buf curl: is let in with a token, and reads why it is not', async () => {
    using files = new AuthFiles();
    await using server = await startGateway({ ...staticSettings(files), 'auth.methods': 'static' });
    const { address } = server;
    const call = (token: string) =>
      bufCurl({
        ...{ address, method: 'StreamData', headers: bearer(token) },
        lines: [{ sessionId: 's', data: Buffer.from('a word').toString('base64') }],
      });
    const good = await call(ANN);
    expect(good.error).toBeUndefined();
    expect(good.messages).toMatchObject([
      { control: { welcome: { clientId: 'ann' } } },
      { sessionId: 's', data: Buffer.from('a word').toString('base64') },
    ]);
    const { error } = await call(newToken());
    expect(error).toMatchObject({ code: 'unauthenticated', message: 'the token is not known' });
    expect(JSON.stringify(error?.details)).toContain('ErrorInfo');
  });

  it('Python: the same, and by Authenticate', async (context) => {
    await requirePython(context);
    using files = new AuthFiles();
    const key = makeTokenKey('RS256');
    await using server = await startGateway({
      'auth.methods': 'jwt',
      'auth.jwt.keyFile': files.write('key', publicPem(key)),
    });
    const call = (token: string, by: string) =>
      pythonClient('auth_token.py', ['--address', server.address, '--token', token, '--by', by]);
    const token = signToken(key, claimsOf('ann'));
    const [inMetadata, within, wrong] = await Promise.all([
      call(token, 'metadata'),
      call(token, 'authenticate'),
      call(signToken(makeTokenKey('RS256'), claimsOf('ann')), 'authenticate'),
    ]);
    for (const result of [inMetadata, within]) {
      expect(result).toMatchObject({ clientId: 'ann', words: ['a word'], code: 'OK' });
    }
    expect(wrong).toMatchObject({ clientId: null, words: [], code: 'UNAUTHENTICATED' });
  });
});

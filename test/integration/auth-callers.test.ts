/** Several ways to say who one is, side by side: which holds, and that nobody gets at what is another's. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  answersOf,
  authenticate,
  AuthFiles,
  bearer,
  claimsOf,
  endOf,
  expectRefused,
  open,
  staticTokens,
  welcomedAs,
  whoIs,
} from '../helpers/auth-calls.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { makeTokenKey, publicPem, signToken, type TokenKey } from '../helpers/tokens.js';

const STATIC_TOKEN = randomBytes(32).toString('base64url');

/** Every method without TLS, and the key that signs. */
function allMethods(files: AuthFiles): { readonly key: TokenKey; readonly settings: Settings } {
  const key = makeTokenKey('ES256', { kid: 'k' });
  return {
    key,
    settings: {
      'auth.methods': 'static,jwt,anonymous',
      'auth.static.file': files.write('tokens', staticTokens({ token: STATIC_TOKEN, subject: 'sensor' })),
      'auth.jwt.keyFile': files.write('key', publicPem(key)),
      'auth.jwt.permissionsClaim': 'can',
      // Nobody comes back for the sessions that are left.
      'server.drainGrace': '100ms',
    },
  };
}

describe.each(STREAM_HANDLERS)('several methods, through the %s handler', (streamHandler) => {
  const handler = { 'server.streamHandler': streamHandler };

  it('each has its clients; what does not hold is never passed on to a weaker one', async () => {
    using files = new AuthFiles();
    const { key, settings } = allMethods(files);
    await using server = await startGateway({ ...settings, ...handler });
    const { address } = server;
    const asAnn = { metadata: { 'x-client-id': 'ann' } };
    expect(await whoIs(address, STATIC_TOKEN, asAnn)).toBe('sensor');
    expect(await whoIs(address, signToken(key, claimsOf('bob')), asAnn)).toBe('bob');
    expect(await whoIs(address, undefined, asAnn)).toBe('anonymous:ann');
    // Not twice: who comes back as what Welcome called them is who they were.
    expect(await whoIs(address, undefined, { metadata: { 'x-client-id': 'anonymous:ann' } })).toBe(
      'anonymous:ann',
    );
    const wrong = signToken(makeTokenKey('ES256', { kid: 'k' }), claimsOf('bob'));
    await expectRefused(address, wrong, 'UNAUTHENTICATED', asAnn);
    await expectRefused(address, 'no-such-token', 'UNAUTHENTICATED', asAnn);
    // And nobody is called as if nobody knew them.
    const posing = signToken(key, claimsOf('anonymous:ann'));
    await expectRefused(address, posing, 'UNAUTHENTICATED');
    const { static: known, jwt, anonymous } = server.gateway.metrics.auth.attempts;
    expect(Object.fromEntries(known)).toEqual({ ok: 1, UNAUTHENTICATED: 1 });
    expect(Object.fromEntries(jwt)).toEqual({ ok: 1, UNAUTHENTICATED: 2 });
    expect(Object.fromEntries(anonymous)).toEqual({ ok: 2 });
  });

  it('where no method takes tokens one is not looked at, and Authenticate is refused', async () => {
    await using server = await startGateway(handler);
    using client = new StreamClient(server.address, {
      metadata: { 'x-client-id': 'ann', ...bearer('anything') },
    });
    expect(await welcomedAs(client)).toBe('ann');
    authenticate(client, 'anything');
    await client.until(() => client.controls('error').length > 0);
    expect(client.controls('error')[0]?.control?.['error']).toMatchObject({ code: 'INVALID_MESSAGE' });
    client.sendData('s', 'a word');
    await client.untilData(1);
  });
});

describe('a session of ann', () => {
  /** Opens one, and breaks the connection: it waits to be resumed. */
  async function detachedSession(address: string, token: string, resumeToken: Buffer): Promise<void> {
    using client = new StreamClient(address, { metadata: bearer(token) });
    expect(await open(client, 's', { route: 'echo', resumeToken, attempt: 1 })).toBe('opened');
    client.sendData('s', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await client.untilData(1);
  }

  async function resume(address: string, resumeToken: Buffer, attempt: number, metadata: object) {
    const client = new StreamClient(address, { metadata: metadata as Record<string, string> });
    const answer = await open(client, 's', { resume: true, resumeToken, attempt });
    const opened = client.controls('opened').at(-1)?.control?.['opened'];
    client.close();
    await client.status;
    const held = opened?.['resumeToken'];
    return { answer, hasToken: Buffer.isBuffer(held) && held.length > 0 };
  }

  it('is resumed by nobody else: not with her resume token, not under her name', async () => {
    using files = new AuthFiles();
    const { key, settings } = allMethods(files);
    await using server = await startGateway(settings);
    const { address, gateway } = server;
    const ann = signToken(key, claimsOf('ann'));
    const bob = signToken(key, claimsOf('bob'));
    const resumeToken = randomBytes(16);
    await detachedSession(address, ann, resumeToken);
    expect(gateway.sessions).toBe(1);

    const gone = { answer: 'opened', hasToken: false };
    // The resume token was stolen. It is as if there were no such session: theirs there is none.
    expect(await resume(address, resumeToken, 2, bearer(bob))).toEqual(gone);
    expect(await resume(address, resumeToken, 3, { 'x-client-id': 'ann' })).toEqual(gone);
    // Beside a token a name means nothing.
    expect(await resume(address, resumeToken, 4, { ...bearer(bob), 'x-client-id': 'ann' })).toEqual(gone);
    // Who may not open the route any more gets it back as little; it waits on.
    const less = signToken(key, claimsOf('ann', { can: ['open:topic'] }));
    expect(await resume(address, resumeToken, 5, bearer(less))).toMatchObject({
      answer: 'PERMISSION_DENIED',
    });
    // Her own token with a guess at the session's.
    expect(await resume(address, randomBytes(16), 1, bearer(ann))).toMatchObject({
      answer: 'PERMISSION_DENIED',
    });
    expect(gateway.sessions).toBe(1);
    // None of it has cost her the session.
    expect(await resume(address, resumeToken, 2, bearer(signToken(key, claimsOf('ann'))))).toEqual({
      answer: 'resumed',
      hasToken: true,
    });
  });

  it('is not taken over in a stream that brings the token of another', async () => {
    using files = new AuthFiles();
    const { key, settings } = allMethods(files);
    await using server = await startGateway(settings);
    const { address, gateway } = server;
    using annsStream = new StreamClient(address, { metadata: bearer(signToken(key, claimsOf('ann'))) });
    expect(await open(annsStream, 's', { route: 'echo', resumeToken: randomBytes(16), attempt: 1 })).toBe(
      'opened',
    );
    using bobsStream = new StreamClient(address, { metadata: bearer(signToken(key, claimsOf('bob'))) });
    expect(await open(bobsStream, 's', { route: 'echo', resumeToken: randomBytes(16), attempt: 1 })).toBe(
      'opened',
    );
    authenticate(bobsStream, signToken(key, claimsOf('ann')));
    const end = await endOf(bobsStream);
    expect(end).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    expect(end.message).not.toMatch(/ann/);
    // Bob's waits for Bob, Ann's goes on.
    await expect.poll(() => gateway.connections).toBe(1);
    expect(gateway.sessions).toBe(2);
    annsStream.sendData('s', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await annsStream.untilData(1);
    expect(answersOf(annsStream, 's')).toEqual(['opened']);
  });
});

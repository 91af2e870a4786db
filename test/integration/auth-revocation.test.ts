/** Somebody is thrown out: by the admin address, or by the file and a SIGHUP. */
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
  staticTokens,
  welcomedAs,
  whoIs,
} from '../helpers/auth-calls.js';
import { startGateway } from '../helpers/gateway.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { StreamClient } from '../helpers/stream-client.js';
import { makeTokenKey, publicPem, signToken } from '../helpers/tokens.js';

async function revoke(admin: string, subject: string): Promise<unknown> {
  const response = await fetch(`${admin}/revocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject, reason: 'lost her laptop' }),
  });
  return response.json();
}

async function pardon(admin: string, subject: string): Promise<number> {
  const response = await fetch(`${admin}/revocations/${encodeURIComponent(subject)}`, { method: 'DELETE' });
  return response.status;
}

/** Whole seconds from now: what a token says of when it was issued. */
const issued = (seconds: number): { readonly iat: number } => ({
  iat: Math.floor(Date.now() / 1_000) + seconds,
});

describe('a subject that is revoked', () => {
  it('loses its connections and sessions, attached and waiting; its tokens are refused, newer ones not', async () => {
    using files = new AuthFiles();
    const key = makeTokenKey('ES256');
    await using server = await startGateway({
      'auth.methods': 'jwt',
      'auth.jwt.keyFile': files.write('key', publicPem(key)),
      'server.drainGrace': '200ms',
    });
    const { address, admin, gateway } = server;
    const ann = signToken(key, claimsOf('ann', issued(-60)));
    const openFields = () => ({ route: 'echo', resumeToken: randomBytes(16), attempt: 1 });
    {
      using gone = new StreamClient(address, { metadata: bearer(ann) });
      expect(await open(gone, 'waiting', openFields())).toBe('opened');
    }
    await expect.poll(() => gateway.connections).toBe(0);
    using windowed = new StreamClient(address, { metadata: bearer(ann) });
    expect(await open(windowed, 'attached', openFields())).toBe('opened');
    using simple = new StreamClient(address, { metadata: bearer(ann) });
    simple.sendData('s', 'a word');
    await simple.untilData(1);
    using bob = new StreamClient(address, { metadata: bearer(signToken(key, claimsOf('bob'))) });
    expect(await open(bob, 's', openFields())).toBe('opened');
    expect(gateway.sessions).toBe(4);

    // Nobody can tell which was first, where it was issued in the very second of the revocation.
    const ofTheMoment = signToken(key, claimsOf('ann', issued(0)));
    expect(await revoke(admin, 'ann')).toMatchObject({
      subject: 'ann',
      connectionsEnded: 2,
      sessionsEnded: 3,
    });
    for (const client of [windowed, simple]) {
      expect(await endOf(client)).toMatchObject({
        ...{ status: 16, reason: 'UNAUTHENTICATED', message: 'this client has been revoked' },
      });
    }
    expect(gateway.sessions).toBe(1);
    await expectRefused(address, ann, 'UNAUTHENTICATED');
    await expectRefused(address, ofTheMoment, 'UNAUTHENTICATED');
    const newer = signToken(key, claimsOf('ann', issued(5)));
    expect(await whoIs(address, newer)).toBe('ann');
    // It came with a newer token, and stays when she is let in again.
    using later = new StreamClient(address, { metadata: bearer(newer) });
    await welcomedAs(later);
    // But not with an old one brought later.
    authenticate(later, ann);
    expect(await endOf(later)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });

    bob.sendData('s', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await bob.untilData(1);
    expect(await pardon(admin, 'ann')).toBe(204);
    expect(await pardon(admin, 'ann')).toBe(404);
    expect(await whoIs(address, ann)).toBe('ann');
  });

  it('is whom the file names, from the SIGHUP on, until it is taken out', async () => {
    using files = new AuthFiles();
    const tokens = ['ann', 'bob'].map((subject) => ({
      token: randomBytes(32).toString('base64url'),
      subject,
    }));
    const [ann = '', bob = ''] = tokens.map(({ token }) => token);
    const revoked = files.write('revoked', '# nobody\n');
    await using gateway = await GatewayProcess.ready([
      ...['--auth.methods', 'static', '--auth.reloadInterval', '0'],
      ...['--auth.static.file', files.write('tokens', staticTokens(...tokens))],
      ...['--auth.revocation.file', revoked],
    ]);
    const { address } = gateway;
    using anns = new StreamClient(address, { metadata: bearer(ann) });
    using bobs = new StreamClient(address, { metadata: bearer(bob) });
    await Promise.all([welcomedAs(anns), welcomedAs(bobs)]);

    files.write('revoked', 'ann\n');
    gateway.signal('SIGHUP');
    expect(await endOf(anns)).toMatchObject({ status: 16, reason: 'UNAUTHENTICATED' });
    await expectRefused(address, ann, 'UNAUTHENTICATED');
    expect(await pardon(`http://${gateway.admin}`, 'ann')).toBe(409);
    // A file that can't be read changes nothing.
    files.write('revoked', 'ann tomorrow\n');
    gateway.signal('SIGHUP');
    await expect.poll(() => gateway.log.filter(({ level }) => level === 'error').length).toBe(1);
    await expectRefused(address, ann, 'UNAUTHENTICATED');

    files.write('revoked', '# nobody again\n');
    gateway.signal('SIGHUP');
    await expect.poll(async () => (await fetch(`http://${gateway.admin}/revocations/ann`)).status).toBe(404);
    expect(await whoIs(address, ann)).toBe('ann');
    bobs.sendData('s', 'still here');
    await bobs.untilData(1);
  });
});

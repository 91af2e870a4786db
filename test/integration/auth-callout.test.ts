/** An authorization service that is asked by a whole gateway: it says no, it narrows, it dies and comes back. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  bearer,
  AuthFiles,
  endOf,
  open,
  refusalOf,
  staticTokens,
  welcomedAs,
  whoIs,
} from '../helpers/auth-calls.js';
import { CalloutServer } from '../helpers/callout-server.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';

const ANN = randomBytes(32).toString('base64url');

function settingsOf(files: AuthFiles, service: CalloutServer, more: Settings = {}): Settings {
  return {
    'auth.methods': 'static',
    'auth.static.file': files.write('tokens', staticTokens({ token: ANN, subject: 'ann' })),
    'auth.callout.url': service.url,
    'auth.callout.cache': 0,
    'auth.callout.breakerFailures': 2,
    'auth.callout.breakerPause': '1s',
    'server.drainGrace': '200ms',
    ...more,
  };
}

const fresh = () => ({ resumeToken: randomBytes(16), attempt: 1 });

describe('the authorization service', () => {
  it('says no to one route, and its own reason; the others open', async () => {
    using files = new AuthFiles();
    await using service = await CalloutServer.start(({ body }) => ({
      json: { allow: body.subject !== 'private', reason: 'members only' },
    }));
    await using server = await startGateway(settingsOf(files, service));
    using client = new StreamClient(server.address, { metadata: bearer(ANN) });
    expect(await open(client, 'a', { route: 'echo', subject: 'public', ...fresh() })).toBe('opened');
    expect(await open(client, 'b', { route: 'echo', subject: 'private', ...fresh() })).toBe(
      'PERMISSION_DENIED',
    );
    expect(client.controls('closed')[0]?.control?.['closed']).toMatchObject({ reason: 'members only' });
    client.sendData('a', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await client.untilData(1);
    expect(
      service.received.map(({ body }) => [body.event, body.client.id, body.session, body.subject]),
    ).toEqual([
      ['connect', 'ann', undefined, undefined],
      ['open', 'ann', 'a', 'public'],
      ['open', 'ann', 'b', 'private'],
    ]);
    expect(JSON.stringify(service.received)).not.toContain(ANN);
  });

  it('keeps each session in its place while it thinks: what follows an Open waits, others go on', async () => {
    using files = new AuthFiles();
    let decide: (allow: boolean) => void = () => undefined;
    const decided = new Promise<boolean>((resolve) => (decide = resolve));
    await using service = await CalloutServer.start(async ({ body }) => ({
      json: { allow: body.session === 'slow' ? await decided : true },
    }));
    await using server = await startGateway(settingsOf(files, service));
    using client = new StreamClient(server.address, { metadata: bearer(ANN) });
    await welcomedAs(client);
    client.send({
      type: 'MESSAGE_TYPE_CONTROL',
      sessionId: 'slow',
      control: { open: { route: 'echo', ...fresh() } },
    });
    for (const n of [1, 2, 3]) client.sendData('slow', `slow ${n}`, { sequence: n });
    expect(await open(client, 'quick', { route: 'echo', ...fresh() })).toBe('opened');
    client.sendData('quick', 'quick', { sequence: 1 });
    await client.untilData(1);
    expect(client.data.map(({ data }) => data.toString())).toEqual(['quick']);
    decide(true);
    await client.untilData(4);
    expect(client.data.map(({ data }) => data.toString())).toEqual(['quick', 'slow 1', 'slow 2', 'slow 3']);
  });

  it('narrows at connect: the permissions it lists hold, those of the token no more', async () => {
    using files = new AuthFiles();
    await using service = await CalloutServer.start(({ body }) => ({
      json: { allow: true, ...(body.event === 'connect' ? { permissions: ['open:echo/mine'] } : {}) },
    }));
    await using server = await startGateway(settingsOf(files, service));
    using client = new StreamClient(server.address, { metadata: bearer(ANN) });
    expect(await open(client, 'a', { route: 'echo', subject: 'mine', ...fresh() })).toBe('opened');
    expect(await open(client, 'b', { route: 'echo', subject: 'other', ...fresh() })).toBe(
      'PERMISSION_DENIED',
    );
    // What the gateway itself refuses is not asked.
    expect(service.received.map(({ body }) => body.event)).toEqual(['connect', 'open']);
    service.decide = () => ({ json: { allow: false, reason: 'this account is closed' } });
    expect(await refusalOf(server.address, ANN)).toMatchObject({
      ...{ status: 7, reason: 'PERMISSION_DENIED', message: 'this account is closed' },
    });
  });

  it('dies: nobody comes in, it is spared, and asked again when its pause is over', async () => {
    using files = new AuthFiles();
    await using service = await CalloutServer.start();
    await using server = await startGateway(settingsOf(files, service));
    const { address, gateway } = server;
    using client = new StreamClient(address, { metadata: bearer(ANN) });
    expect(await open(client, 'a', { route: 'echo', ...fresh() })).toBe('opened');
    service.decide = () => 'close';
    for (let n = 0; n < 2; n += 1) {
      expect(await refusalOf(address, ANN)).toMatchObject({ status: 14, reason: 'AUTH_UNAVAILABLE' });
    }
    const asked = service.received.length;
    const spared = await refusalOf(address, ANN);
    expect(spared).toMatchObject({ status: 14, reason: 'AUTH_UNAVAILABLE' });
    expect(spared.retryAfterMs).toBeGreaterThan(0);
    expect(await open(client, 'b', { route: 'echo', ...fresh() })).toBe('AUTH_UNAVAILABLE');
    expect(service.received).toHaveLength(asked);
    // Who is in stays in.
    client.sendData('a', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await client.untilData(1);

    service.decide = () => ({ json: { allow: true } });
    await expect
      .poll(async () => {
        using next = new StreamClient(address, { metadata: bearer(ANN) });
        return await welcomedAs(next).catch(async () => (await endOf(next)).reason);
      })
      .toBe('ann');
    expect(await open(client, 'b', { route: 'echo', ...fresh() })).toBe('opened');
    expect(gateway.metrics.auth.callouts.get('failed')).toBe(2);
    expect(gateway.metrics.auth.callouts.get('skipped')).toBeGreaterThanOrEqual(2);
    // No fault of the client's, and so not held against its address.
    expect(Object.fromEntries(gateway.metrics.auth.attempts.static)).not.toHaveProperty('UNAUTHENTICATED');
    const told = server.log.filter(({ message }) => message.includes('authorization service'));
    expect(told.map(({ level }) => level)).toEqual(['warn', 'info']);
  });

  it('dies, and its operator has said that all come in then: with what their token allows', async () => {
    using files = new AuthFiles();
    await using service = await CalloutServer.start(() => 'close');
    const more = {
      'auth.callout.failOpen': true,
      'auth.static.file': files.write(
        'few',
        staticTokens({ token: ANN, subject: 'ann', permissions: ['open:echo/mine'] }),
      ),
    };
    await using server = await startGateway({ ...settingsOf(files, service), ...more });
    using client = new StreamClient(server.address, { metadata: bearer(ANN) });
    expect(await open(client, 'a', { route: 'echo', subject: 'mine', ...fresh() })).toBe('opened');
    expect(await open(client, 'b', { route: 'echo', subject: 'other', ...fresh() })).toBe(
      'PERMISSION_DENIED',
    );
    expect(await refusalOf(server.address, 'a-wrong-token')).toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(Object.fromEntries(server.gateway.metrics.auth.callouts)).toEqual({ failed_open: 2 });
  });

  it('is asked by simple connections, once for all their sessions', async () => {
    using files = new AuthFiles();
    await using service = await CalloutServer.start();
    await using server = await startGateway(settingsOf(files, service));
    expect(await whoIs(server.address, ANN)).toBe('ann');
    expect(service.received.map(({ body }) => [body.event, body.route])).toEqual([
      ['connect', undefined],
      ['open', 'echo'],
    ]);
  });
});

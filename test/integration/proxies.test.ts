import { status } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Settings } from '../helpers/gateway.js';
import { ProxyGateways, told } from '../helpers/proxy-gateway.js';
import { SHAPES, SHAPES_PROTO } from '../helpers/shapes-backend.js';
import { AuthFiles, bearer, staticTokens } from '../helpers/auth-calls.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import { grpcConnector } from '../helpers/windowed-transport.js';

let gateways = new ProxyGateways();
beforeEach(() => {
  gateways = new ProxyGateways();
});
afterEach(async () => {
  await gateways[Symbol.asyncDispose]();
});

describe('calls of all four shapes are passed on', () => {
  test.each([
    ['by the name of the service alone', { services: [SHAPES] }, {}],
    ['by its .proto file', { proto: SHAPES_PROTO }, {}],
    ['as the backend describes itself', { reflection: true }, { reflection: true }],
  ])('%s', async (_, proxy, backend) => {
    const { client } = await gateways.world(proxy, { backend });
    expect(await client.one('a')).toMatchObject({ texts: ['a'], status: { code: status.OK } });
    expect(await client.up(['a', 'b', 'c'])).toMatchObject({ texts: ['a+b+c'], status: { code: status.OK } });
    expect(await client.down('x')).toMatchObject({ texts: ['x', 'x', 'x'], status: { code: status.OK } });
    const both = client.both();
    both.call.write({ text: 'there' });
    both.call.end();
    expect(await both.status).toMatchObject({ code: status.OK });
    expect(both.answers).toEqual(['there']);
    const failed = await client.one('fail');
    expect(failed.status).toMatchObject({ code: status.NOT_FOUND, details: 'no such note' });
  });
});

describe('what is not there', () => {
  test('a method that its description does not name: UNIMPLEMENTED, with those that there are, the nearest first', async () => {
    const { client, under } = await gateways.world({ proto: SHAPES_PROTO });
    expect(told(await client.unknown(`/${SHAPES}/Don`))).toMatchObject({
      code: status.UNIMPLEMENTED,
      reason: 'UNKNOWN_METHOD',
      details: `service ${SHAPES} has no such method: it has Down, One, Both, Up`,
    });
    const [shapes] = under.gateway.proxies;
    expect(shapes?.refused).toEqual(new Map([['UNKNOWN_METHOD', 1]]));
  });

  test('a service that nobody has: UNIMPLEMENTED, with those that there are', async () => {
    const { client } = await gateways.world({ proto: SHAPES_PROTO });
    expect(told(await client.unknown('/shape.v1.Shapes/One'))).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: `no service "shape.v1.Shapes" is served here; passed on are ${SHAPES}`,
    });
  });

  test('where reflection is off nobody is told names', async () => {
    const { client } = await gateways.world(
      { services: [SHAPES] },
      { settings: { 'server.reflection': false } },
    );
    const { code, details } = told(await client.unknown('/other.Service/One'));
    expect(code).toBe(status.UNIMPLEMENTED);
    expect(details).not.toContain(SHAPES);
  });

  test('without a description every method is passed on; the backend answers for itself', async () => {
    const { client, under } = await gateways.world({ services: [SHAPES] });
    const answer = await client.unknown(`/${SHAPES}/Don`);
    expect(answer.status.code).toBe(status.UNIMPLEMENTED);
    expect(told(answer).reason).toBeUndefined();
    expect(under.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('a backend of another version: its UNIMPLEMENTED goes on as it is, and the log says it once', async () => {
    const { client, under } = await gateways.world(
      { proto: SHAPES_PROTO },
      { backend: { without: ['One'] } },
    );
    for (let n = 0; n < 3; n += 1) {
      const answer = await client.one('a');
      expect(told(answer)).toMatchObject({ code: status.UNIMPLEMENTED, reason: undefined });
    }
    const warned = under.log.filter(({ message }) => message.includes('another version'));
    expect(warned.map(({ level, fields }) => [level, fields])).toEqual([
      [
        'warn',
        {
          proxy: 'shapes',
          method: `${SHAPES}/One`,
          address: expect.stringContaining('127.0.0.1:') as string,
        },
      ],
    ]);
  });

  test('a backend that is away: UNAVAILABLE, and the log and the metrics name the address', async () => {
    const under = await gateways.gateway({ away: { addresses: ['nowhere.invalid:1'], services: [SHAPES] } });
    const answer = told(await gateways.client(under).one('a'));
    expect(answer).toMatchObject({ code: status.UNAVAILABLE, reason: 'UPSTREAM_UNAVAILABLE' });
    expect(answer.details).not.toContain('nowhere');
    const told1 = under.log.filter(({ message }) => message.includes('backend takes no new sessions'));
    expect(JSON.stringify(told1)).toContain('nowhere.invalid:1');
  });
});

describe('who may call', () => {
  const [ann, bob] = [newToken(), newToken()];
  function tokens(files: AuthFiles): Settings {
    const file = files.write(
      'tokens.json',
      staticTokens(
        { token: ann, subject: 'ann', permissions: [`call:shapes/${SHAPES}/*`] },
        { token: bob, subject: 'bob', permissions: [`call:shapes/${SHAPES}/Down`] },
      ),
    );
    return { 'auth.methods': 'static', 'auth.static.file': file };
  }

  test('who is verified is told to the backend, whoever they say they are; others are refused', async () => {
    using files = new AuthFiles();
    const { client, backend, under } = await gateways.world(
      { proto: SHAPES_PROTO },
      { settings: tokens(files) },
    );
    const answer = await client.one('a', {
      ...bearer(ann),
      'x-client-id': 'root',
      'x-forwarded-for': '10.0.0.1',
    });
    expect(answer.texts).toEqual(['a']);
    expect(backend.metadata[0]?.getMap()).toMatchObject({
      'x-client-id': 'ann',
      'x-client-class': 'default',
      'x-forwarded-for': '10.0.0.1, 127.0.0.1',
    });
    expect(told(await client.one('a'))).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: 'UNAUTHENTICATED',
    });
    expect(told(await client.one('a', bearer('wrong')))).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(told(await client.one('a', bearer(bob)))).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: `permission call:shapes/${SHAPES}/One is missing`,
    });
    // Nor is anybody told which methods there are.
    expect(told(await client.unknown(`/${SHAPES}/Don`, bearer(bob))).reason).toBe('PERMISSION_DENIED');
    expect(backend.metadata).toHaveLength(1);
    const { attempts, denied } = under.gateway.metrics.auth;
    expect(attempts.none.get('UNAUTHENTICATED')).toBe(1);
    expect(denied.get('call')).toBe(2);
  });

  test('a revoked client loses the calls it has under way', async () => {
    using files = new AuthFiles();
    const { client, backend, under } = await gateways.world(
      { proto: SHAPES_PROTO },
      { settings: tokens(files) },
    );
    const both = client.both(bearer(ann));
    both.call.write({ text: 'a' });
    await expect.poll(() => both.answers).toEqual(['a']);
    const revoked = await fetch(`${under.admin}/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: 'ann' }),
    });
    expect(await revoked.json()).toMatchObject({ subject: 'ann', callsEnded: 1 });
    expect(told({ status: await both.status })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'this client has been revoked',
    });
    await expect.poll(() => backend.open.size).toBe(0);
  });
});

describe('how many', () => {
  test('calls of a proxy, and of one client', async () => {
    const { client } = await gateways.world({ proto: SHAPES_PROTO, maxCalls: 2, maxCallsPerClient: 1 });
    const first = client.both({ 'x-client-id': 'ann' });
    first.call.write({ text: 'a' });
    await expect.poll(() => first.answers).toEqual(['a']);
    expect(told(await client.one('a', { 'x-client-id': 'ann' }))).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'CALL_LIMIT',
      details:
        'client "ann" has 1 calls of proxy shapes under way, the most that may (proxies.shapes.maxCallsPerClient = 1)',
      retryAfterMs: 1_000,
    });
    const second = client.both({ 'x-client-id': 'bob' });
    second.call.write({ text: 'b' });
    await expect.poll(() => second.answers).toEqual(['b']);
    expect(told(await client.one('a', { 'x-client-id': 'eve' }))).toMatchObject({
      reason: 'CALL_LIMIT',
      details: '2 calls of proxy shapes are under way, the most that may (proxies.shapes.maxCalls = 2)',
    });
    for (const each of [first, second]) each.call.end();
    await Promise.all([first.status, second.status]);
    expect((await client.one('a', { 'x-client-id': 'ann' })).texts).toEqual(['a']);
  });
});

describe('leaving', () => {
  test('calls under way go on, new ones are refused with advice when to come again', async () => {
    const { client, under } = await gateways.world(
      { proto: SHAPES_PROTO },
      { settings: { 'server.drainGrace': '10s' } },
    );
    const both = client.both();
    both.call.write({ text: 'before' });
    await expect.poll(() => both.answers).toEqual(['before']);
    // While a client may come back to a session the gateway listens, and says no itself.
    using keeper = new WindowedClient({
      connect: grpcConnector({ address: under.address, clientId: 'ann' }),
    });
    const session = await keeper.opened('s', { route: 'echo' });
    await keeper.detach();
    await expect.poll(() => under.gateway.connections).toBe(0);
    const stopped = under.gateway.stop();
    both.call.write({ text: 'after' });
    await expect.poll(() => both.answers).toEqual(['before', 'after']);
    const refused = {
      code: status.UNAVAILABLE,
      reason: 'DRAINING',
      details: 'the gateway is leaving: it takes no new calls',
      retryAfterMs: 1_000,
    };
    expect(told(await client.one('on the same connection'))).toEqual(refused);
    expect(told(await gateways.client(under).one('on a new one'))).toEqual(refused);
    keeper.connect();
    expect(await session.over).toMatchObject({ code: 'DRAINING' });
    // Now the connection is told to go (GOAWAY): the call on it goes on.
    both.call.write({ text: 'to the end' });
    await expect.poll(() => both.answers).toEqual(['before', 'after', 'to the end']);
    both.call.end();
    expect(await both.status).toMatchObject({ code: status.OK });
    await stopped;
  });

  test('what is left at the end of the grace is ended UNAVAILABLE', async () => {
    const { client, under, backend } = await gateways.world(
      { proto: SHAPES_PROTO },
      // A quarter of it is for the last statuses to leave.
      { settings: { 'server.drainGrace': '2s' } },
    );
    const both = client.both();
    both.call.write({ text: 'a' });
    await expect.poll(() => both.answers).toEqual(['a']);
    await under.gateway.stop();
    expect(told({ status: await both.status })).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'DRAINING',
    });
    await expect.poll(() => backend.open.size).toBe(0);
  });
});

test('metrics, totals and the report line say what was passed on', async () => {
  const { client, under } = await gateways.world({ proto: SHAPES_PROTO });
  await client.one('abc');
  await client.one('fail');
  const text = await (await fetch(`${under.admin}/metrics`)).text();
  expect(text).toMatch(new RegExp(`sluice_proxy_calls_total\\{[^}]*One[^}]*status="OK"[^}]*\\} 1`));
  expect(text).toMatch(new RegExp(`sluice_proxy_calls_total\\{[^}]*One[^}]*status="NOT_FOUND"[^}]*\\} 1`));
  expect(text).toMatch(new RegExp(`sluice_proxy_messages_total\\{[^}]*One[^}]*direction="up"[^}]*\\} 2`));
  expect(text).toMatch(new RegExp(`sluice_proxy_messages_total\\{[^}]*One[^}]*direction="down"[^}]*\\} 1`));
  expect(text).toMatch(/sluice_proxy_call_seconds_count\{[^}]*\} 2/);
  const totals = (await (await fetch(`${under.admin}/totals`)).json()) as { proxies: object[] };
  expect(totals.proxies).toMatchObject([
    {
      name: 'shapes',
      calls: 0,
      methods: expect.arrayContaining([
        expect.objectContaining({ ended: { OK: 1, NOT_FOUND: 1 } }),
      ]) as object[],
    },
  ]);
});

function newToken(): string {
  return randomBytes(32).toString('base64url');
}

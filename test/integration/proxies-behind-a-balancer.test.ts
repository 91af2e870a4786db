/** Calls that are passed on: what backends are told of where they came from, and by which address guessing is slowed. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuthFiles, bearer, staticTokens } from '../helpers/auth-calls.js';
import { connectBehind, headerLine, http2Over } from '../helpers/balancer.js';
import type { Settings } from '../helpers/gateway.js';
import { ProxyGateways, told } from '../helpers/proxy-gateway.js';
import { SHAPES } from '../helpers/shapes-backend.js';
import { frameOf } from '../helpers/wire-client.js';

let gateways = new ProxyGateways();
beforeEach(() => {
  gateways = new ProxyGateways();
});
afterEach(async () => {
  await gateways[Symbol.asyncDispose]();
});

const shapes = (settings: Settings) => gateways.world({ services: [SHAPES] }, { settings });

/** Whose connections are a balancer's that names its client in this header. */
const believing = (header: 'forwarded' | 'x-forwarded-for', trusted: string): Settings => ({
  'balancers.trusted': trusted,
  'balancers.forwardedHeader': header,
});

/** Everybody's here. */
const HERE = '127.0.0.1,10.0.0.0/8';
const ELSEWHERE = '10.0.0.0/8';
const TOKEN = randomBytes(32).toString('base64url');

describe('the last of x-forwarded-for is the word of the gateway', () => {
  const standard = 'for=198.51.100.1, for="[2001:db8::7]:4711", for=10.0.0.4';
  test.each<[string, Settings, Readonly<Record<string, string>>, string]>([
    [
      'the address that a balancer names, without a port',
      believing('x-forwarded-for', HERE),
      { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.4' },
      '198.51.100.1, 203.0.113.7, 10.0.0.4, 203.0.113.7',
    ],
    [
      'an IPv6 address',
      believing('x-forwarded-for', HERE),
      { 'x-forwarded-for': '2001:db8::7' },
      '2001:db8::7, 2001:db8::7',
    ],
    [
      'what the standard header says, which balancers may leave beside a claim in the other',
      believing('forwarded', HERE),
      { forwarded: standard, 'x-forwarded-for': '10.0.0.1' },
      '10.0.0.1, 2001:db8::7',
    ],
    [
      'that of the connection, whatever somebody claims who is no balancer',
      believing('x-forwarded-for', ELSEWHERE),
      { 'x-forwarded-for': '10.0.0.1' },
      '10.0.0.1, 127.0.0.1',
    ],
    [
      'the same of the standard header',
      believing('forwarded', ELSEWHERE),
      { forwarded: standard },
      '127.0.0.1',
    ],
    ['that of the connection, where nobody is believed', {}, { forwarded: standard }, '127.0.0.1'],
  ])('%s', async (_what, settings, said, way) => {
    const { client, backend } = await shapes(settings);
    expect(await client.one('a', said)).toMatchObject({ texts: ['a'] });
    const [metadata] = backend.metadata;
    expect(metadata?.get('x-forwarded-for')).toEqual([way]);
    // What a client claims in it looks the same as a balancer's word.
    expect(metadata?.get('forwarded')).toEqual([]);
  });

  test('that of the PROXY protocol', async () => {
    const { under, backend } = await shapes({
      'server.proxyProtocol': true,
      'balancers.trusted': HERE,
    });
    const session = http2Over(await connectBehind(under.address, headerLine('203.0.113.7', 4_711)));
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${SHAPES}/One`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-forwarded-for': '10.0.0.1',
    });
    stream.end(frameOf(Buffer.from([0x0a, 1, 0x61])));
    stream.resume();
    await once(stream, 'close');
    session.destroy();
    expect(backend.metadata[0]?.get('x-forwarded-for')).toEqual(['10.0.0.1, 203.0.113.7']);
  });

  test('"unknown" of a client on a Unix socket, which has no address', async () => {
    using files = new AuthFiles();
    const { client, backend } = await shapes({ 'server.listen': `unix:${files.path('gateway.sock')}` });
    expect(await client.one('a', { 'x-forwarded-for': '10.0.0.1' })).toMatchObject({ texts: ['a'] });
    expect(backend.metadata[0]?.get('x-forwarded-for')).toEqual(['10.0.0.1, unknown']);
  });
});

describe('who guesses tokens is slowed', () => {
  /** One guess, and then none for a long time. */
  function guarded(files: AuthFiles): Settings {
    return {
      'auth.methods': 'static',
      'auth.static.file': files.write('tokens', staticTokens({ token: TOKEN, subject: 'ann' })),
      'auth.failures.burst': 1,
      'auth.failures.perSecond': 0.001,
    };
  }

  /** What becomes of a call: the code it is refused with. */
  async function calling(settings: Settings): Promise<(way: string, token?: string) => Promise<unknown>> {
    const { client } = await shapes(settings);
    return async (way, token = 'a-guess') => {
      const answer = told(await client.one('a', { ...bearer(token), 'x-forwarded-for': way }));
      return answer.code === status.OK ? 'OK' : answer.reason;
    };
  }

  test('by the address that a balancer names, and nobody else with it', async () => {
    using files = new AuthFiles();
    const call = await calling({ ...guarded(files), ...believing('x-forwarded-for', HERE) });
    expect(await call('203.0.113.7')).toBe('UNAUTHENTICATED');
    expect(await call('203.0.113.7')).toBe('RATE_LIMITED');
    expect(await call('198.51.100.1, 203.0.113.7')).toBe('RATE_LIMITED');
    expect(await call('203.0.113.8', TOKEN)).toBe('OK');
    expect(await call('203.0.113.8')).toBe('UNAUTHENTICATED');
  });

  test('by that of the connection, whatever somebody claims who is no balancer', async () => {
    using files = new AuthFiles();
    const call = await calling({ ...guarded(files), ...believing('x-forwarded-for', ELSEWHERE) });
    expect(await call('203.0.113.7')).toBe('UNAUTHENTICATED');
    expect(await call('203.0.113.8')).toBe('RATE_LIMITED');
  });
});

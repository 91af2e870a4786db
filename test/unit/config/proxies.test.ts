import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError } from '../../../src/config/mistake.js';

const SERVICE = 'stock.v1.StockService';
const PLAIN = { addresses: ['a:1'], services: [SERVICE] };

function load(proxies: object, upstreams: object = {}) {
  const argv = ['--proxies', JSON.stringify(proxies), '--upstreams', JSON.stringify(upstreams)];
  return loadConfig({ argv }).config;
}

function mistakes(...args: Parameters<typeof load>): readonly string[] {
  try {
    load(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(({ key, reason }) => `${key}: ${reason}`);
    throw error;
  }
  return [];
}

test('there are none unless they are named', () => {
  expect(loadConfig({ argv: [] }).config.proxies).toEqual({});
  expect(load({ stock: PLAIN }).proxies['stock']).toMatchObject({
    ...PLAIN,
    upstream: '',
    proto: [],
    reflection: false,
    maxCalls: 1_000,
    maxMessageSize: 5 * 1024 * 1024,
    idleTimeout: 0,
    maxAttempts: 1,
    retryOn: ['UNAVAILABLE'],
  });
});

test('several proxies may share an upstream', () => {
  const upstream = 'quotes';
  const proxies = { a: { services: ['a.A'], upstream }, b: { services: ['b.B'], upstream } };
  expect(mistakes(proxies, { quotes: { addresses: ['a:1'] } })).toEqual([]);
});

test('paths are of the folder of the file that names them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  try {
    const file = join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      'proxies:\n  stock:\n    addresses: [a:1]\n    proto: protos/stock.proto\n    importPaths: [protos, /usr/include]\n',
    );
    expect(loadConfig({ argv: ['--config', file] }).config.proxies['stock']).toMatchObject({
      proto: [join(folder, 'protos/stock.proto')],
      importPaths: [join(folder, 'protos'), '/usr/include'],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('each wrong one is told, with what is expected', () => {
  const quotes = { quotes: { addresses: ['a:1'] } };
  test.each([
    [{ s: { services: [SERVICE] } }, {}, 'proxies.s.addresses: expected at least one address'],
    [{ s: { ...PLAIN, upstream: 'quotes' } }, quotes, 'proxies.s.addresses: upstream is given too, quotes'],
    [
      { s: { services: [SERVICE], upstream: 'quote' } },
      quotes,
      'proxies.s.upstream: expected one of upstreams: quotes; did you mean quotes?',
    ],
    [{ s: { services: [SERVICE], upstream: 'q' } }, {}, 'expected one of upstreams, and there are none'],
    [{ quotes: PLAIN }, quotes, 'there is an upstream quotes, and these addresses would be one of that name'],
    [{ s: { addresses: ['a:1'] } }, {}, 'proxies.s.services: expected the full names of services'],
    [
      { s: { ...PLAIN, proto: ['a.proto'], reflection: true } },
      {},
      'proxies.s.reflection: proto is given too: only one of them',
    ],
    [{ s: { ...PLAIN, proto: [''] } }, {}, 'expected paths of .proto files, none of them empty'],
    [{ s: { ...PLAIN, importPaths: ['a'] } }, {}, 'it is for the imports of proto, which is not given'],
    [{ s: { ...PLAIN, services: ['a.A', 'a.A'] } }, {}, 'every service once; a.A is there twice'],
    [
      { s: PLAIN, t: { ...PLAIN, services: ['a.A', SERVICE] } },
      {},
      `proxies.t.services: ${SERVICE} is passed on by s already`,
    ],
    [{ s: { ...PLAIN, services: ['/stock.v1.StockService/GetUpdates'] } }, {}, 'write stock.v1.StockService'],
    [{ s: { ...PLAIN, services: ['stock service'] } }, {}, "expected a service's full name"],
    [
      { s: { ...PLAIN, services: ['sluice.v1.StreamService'] } },
      {},
      "sluice.v1.StreamService is the gateway's own",
    ],
    [{ s: { ...PLAIN, services: ['grpc.health.v1.Health'] } }, {}, "is the gateway's own"],
    [{ s: { ...PLAIN, services: ['grpc.reflection.v1.ServerReflection'] } }, {}, "is the gateway's own"],
    [{ 'my stock': PLAIN }, {}, 'expected a proxy name'],
    [{ s: { ...PLAIN, service: ['a.A'] } }, {}, 'a proxy has no such option; did you mean services?'],
    [{ s: { ...PLAIN, maxAttempts: 3, retryOn: [] } }, {}, 'proxies.s.retryOn'],
    [{ s: { ...PLAIN, retryOn: ['OK'] } }, {}, 'proxies.s.retryOn'],
    [{ s: { ...PLAIN, maxAttempts: 6 } }, {}, 'expected an integer from 1 to 5'],
    [{ s: 'a:1' }, {}, 'expected a map of options'],
  ])('%j with upstreams %j: %s', (proxies, upstreams, expected) => {
    expect(mistakes(proxies, upstreams)).toEqual([expect.stringContaining(expected)]);
  });
});

import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError } from '../../../src/config/mistake.js';

const UP = { kind: 'upstream', upstream: 'orders' };

function load(upstreams: object, routes: object = {}) {
  const argv = [
    ...['--upstreams', JSON.stringify(upstreams)],
    ...['--routes', JSON.stringify({ echo: { kind: 'echo' }, ...routes })],
  ];
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

test('there are none unless they are named; one that no route uses is no mistake', () => {
  expect(loadConfig({ argv: [] }).config.upstreams).toEqual({});
  expect(load({ orders: { addresses: ['a:1'] } }).upstreams['orders']).toMatchObject({
    addresses: ['a:1'],
    ackTimeout: 30_000,
    unavailableAfter: 30_000,
  });
});

test.each([
  'backend.example:50061',
  '10.0.0.5:1',
  '[::1]:50061',
  'unix:/run/backend.sock',
  'grpcs://backend.example:50061',
  'grpcs://[::1]:443',
  'grpc://backend:50061',
])('an address is %s', (address) => {
  expect(load({ orders: { addresses: [address] } }).upstreams['orders']?.addresses).toEqual([address]);
});

test.each([
  'backend',
  'backend:0',
  'backend:70000',
  'http://backend:1',
  '::1:50061',
  'grpcs://unix:/a',
  'grpcs://backend',
  'a b:1',
  ':50061',
])('an address is not %s', (address) => {
  expect(mistakes({ orders: { addresses: ['a:1', address] } })).toEqual([
    expect.stringContaining('orders.addresses: expected an address host:port'),
  ]);
});

test.each([
  [{ orders: {} }, {}, 'upstreams.orders.addresses: expected at least one address'],
  [{ orders: { addresses: ['a:1', 'a:1'] } }, {}, 'every address once; a:1 is there twice'],
  [{ 'my orders': { addresses: ['a:1'] } }, {}, 'expected an upstream name'],
  [{ orders: { adresses: ['a:1'] } }, {}, 'an upstream has no such option; did you mean addresses?'],
  [
    { orders: { addresses: ['a:1'], backoffFirst: '10s' } },
    {},
    'upstreams.orders.backoffFirst: expected at most its backoffMax, 5000ms',
  ],
  [{ orders: { addresses: ['a:1'], caFile: 'ca.pem' } }, {}, 'none of its addresses begins with grpcs://'],
  [{ orders: { addresses: ['grpcs://a:1'], keyFile: 'k.pem' } }, {}, 'it needs certificateFile too'],
  [{ order: { addresses: ['a:1'] } }, { up: UP }, 'expected one of upstreams: order; did you mean order?'],
  [{}, { up: UP }, 'routes.up.upstream: expected one of upstreams, and there are none'],
  [{ orders: { addresses: ['a:1'] } }, { up: { kind: 'upstream' } }, 'expected one of upstreams: orders'],
])('%j with routes %j: %s', (upstreams, routes, expected) => {
  expect(mistakes(upstreams, routes)).toEqual([expect.stringContaining(expected)]);
});

import { describe, expect, test } from 'vitest';
import {
  isGrpcContentType,
  metadataOf,
  parseEncoding,
  parseTimeoutMs,
} from '../../../src/transport/grpc/request-headers.js';

describe('grpc-timeout', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5u', 0.005],
    ['6n', 6e-6],
    ['0S', 0],
    ['99999999H', 359_999_996_400_000],
    ['2592000S', 30 * 24 * 3_600_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseTimeoutMs(text)).toBeCloseTo(ms, 9);
  });

  test.each(['', 'S', '1', '1s', '1h', '-1S', '+1S', '1.5S', '100000000S', ' 1S', '1S ', '1 S', 'x1S'])(
    '%j is malformed',
    (text) => {
      expect(parseTimeoutMs(text)).toBeUndefined();
    },
  );
});

test.each([
  ['application/grpc', true],
  ['application/grpc+proto', true],
  ['application/grpc; charset=utf-8', true],
  ['application/grpc+proto;x=y', true],
  ['Application/gRPC', true],
  ['application/grpc+json', false],
  ['application/grpc-web', false],
  ['application/grpcx', false],
  ['text/plain', false],
  ['', false],
  [undefined, false],
])('content-type %s: %s', (type, ok) => {
  expect(isGrpcContentType(type)).toBe(ok);
});

test.each([
  [undefined, 'identity'],
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['snappy', undefined],
  ['GZIP', undefined],
])('grpc-encoding %s: %s', (name, encoding) => {
  expect(parseEncoding(name)).toBe(encoding);
});

test('metadata leaves out what belongs to HTTP, to gRPC, and what is binary', () => {
  const metadata = metadataOf({
    ':path': '/a',
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '1S',
    'grpc-encoding': 'gzip',
    'accept-encoding': 'identity',
    'trace-bin': 'AAEC',
    'user-agent': 'grpc-go/1.60',
    'x-client-id': 'anna',
    'x-many': ['a', 'b'],
  });
  expect([...metadata]).toEqual([
    ['user-agent', 'grpc-go/1.60'],
    ['x-client-id', 'anna'],
    ['x-many', 'a, b'],
  ]);
});

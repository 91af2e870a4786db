import { sensitiveHeaders } from 'node:http2';
import { describe, expect, it, test } from 'vitest';
import {
  answerHeadersOf,
  grpcTimeout,
  outgoing,
  outgoingEnd,
  relayedEndOf,
  requestHeadersOf,
} from '../../../src/transport/grpc/relayed-headers.js';
import { parseTimeoutMs } from '../../../src/transport/grpc/request-headers.js';

const pairs = (...headers: readonly (readonly [string, string])[]): string[] => headers.flat();

describe('what is passed on', () => {
  it('of a request: all but what is of the connection, or told apart', () => {
    const kept = [
      ['grpc-encoding', 'gzip'],
      ['grpc-accept-encoding', 'gzip'],
      ['user-agent', 'grpc-go/1'],
      ['grpc-tags-bin', 'AAE'],
      ['traceparent', '00-1-2-03'],
      ['authorization', 'Bearer x'],
      ['two', 'a'],
      ['x-bin', 'AA=='],
      ['two', 'b'],
    ] as const;
    const dropped = [
      [':method', 'POST'],
      [':path', '/a/b'],
      [':authority', 'here'],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['content-length', '5'],
      ['grpc-timeout', '1S'],
      ['host', 'here'],
      ['connection', 'x'],
      ['forwarded', 'for=10.0.0.1'],
    ] as const;
    expect(requestHeadersOf(pairs(...dropped, ...kept))).toEqual(kept);
  });

  it('of an answer: its content type too', () => {
    const raw = pairs([':status', '200'], ['content-type', 'application/grpc+json'], ['date', 'today']);
    expect(answerHeadersOf(raw)).toEqual([
      ['content-type', 'application/grpc+json'],
      ['date', 'today'],
    ]);
  });

  it('of an end: status and message apart, the rest as it stands', () => {
    const raw = pairs(
      ['grpc-status', '9'],
      ['grpc-message', 'zu sp%C3%A4t: 5%25'],
      ['grpc-status-details-bin', 'CAk'],
    );
    const end = {
      status: 9,
      message: 'zu spät: 5%',
      trailers: [['grpc-status-details-bin', 'CAk']] as const,
    };
    expect(relayedEndOf(raw)).toEqual(end);
    expect(outgoingEnd(end)).toEqual({
      'grpc-status': '9',
      'grpc-message': 'zu sp%C3%A4t: 5%25',
      'grpc-status-details-bin': 'CAk',
      [sensitiveHeaders]: expect.any(Array) as unknown,
    });
  });

  test.each([
    ['4711', 4711],
    ['', 2],
    ['OK', 2],
    ['-1', 2],
  ])('status "%s" is %i', (text, status) => {
    expect(relayedEndOf(pairs(['grpc-status', text]))?.status).toBe(status);
  });

  it('has no end without a status', () => {
    expect(relayedEndOf(pairs(['grpc-message', 'x']))).toBeUndefined();
  });

  it('leaves a message that is not percent-encoded UTF-8 as it is', () => {
    expect(relayedEndOf(pairs(['grpc-status', '2'], ['grpc-message', '%zz %FF']))?.message).toBe('%zz %FF');
  });
});

describe('what is sent', () => {
  it('keeps all of a name, but for those that HTTP has once', () => {
    const sent = outgoing([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['user-agent', 'first'],
      ['user-agent', 'second'],
      ['a', '4'],
    ]);
    expect(Object.entries(sent)).toEqual([
      ['a', ['1', '3', '4']],
      ['b', '2'],
      ['user-agent', 'first'],
    ]);
  });

  test.each([
    [0, '1u'],
    [0.25, '250u'],
    [300, '300000u'],
    [99_999.999, '99999999u'],
    [100_000, '100000m'],
    [1e8, '100000S'],
    [1e11, '1666666M'],
    [1e18, '99999999H'],
  ])('a timeout of %d ms is %s: never more than is left', (leftMs, text) => {
    expect(grpcTimeout(leftMs)).toBe(text);
    expect(parseTimeoutMs(text)).toBeLessThanOrEqual(Math.max(leftMs, 1e-3));
  });
});

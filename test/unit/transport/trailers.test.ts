import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import { encodeGrpcMessage, OK_STATUS, statusOf, trailersOf } from '../../../src/transport/grpc/trailers.js';
import { decodeStatusDetails } from '../../../src/wire/status-details.js';

describe('grpc-message', () => {
  test.each([
    ['plain text, with marks: (a/b) x=1.', 'plain text, with marks: (a/b) x=1.'],
    ['100%', '100%25'],
    ['a "quoted" ~', 'a "quoted" ~'],
    ['é\n', '%C3%A9%0A'],
    [' x ', '%20x%20'],
    ['', ''],
    ['𝄞', '%F0%9D%84%9E'],
    ['\u007f', '%7F'],
  ])('%j is sent as %s', (message, encoded) => {
    expect(encodeGrpcMessage(message)).toBe(encoded);
  });

  test('any text survives, in printable ASCII without spaces at the ends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeGrpcMessage(text);
        expect(encoded).toMatch(/^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/);
        expect(decodeURIComponent(encoded)).toBe(text);
      }),
    );
  });
});

test('OK needs no message and no details', () => {
  expect(trailersOf(OK_STATUS)).toEqual({ 'grpc-status': '0' });
  expect(statusOf(undefined)).toBe(OK_STATUS);
});

test('an error: code of the catalogue, message, details', () => {
  const trailers = trailersOf(statusOf(new SluiceError('DRAINING', 'Leaving.', { retryAfterMs: 250 })));
  expect(trailers).toMatchObject({
    'grpc-status': String(GrpcStatus.UNAVAILABLE),
    'grpc-message': 'Leaving.',
  });
  const details = decodeStatusDetails(Buffer.from(String(trailers['grpc-status-details-bin']), 'base64'));
  expect(details).toMatchObject({ code: 14, message: 'Leaving.', reason: 'DRAINING', retryAfterMs: 250 });
});

test('gRPC may fix another code than the catalogue', () => {
  expect(statusOf(new SluiceError('INVALID_MESSAGE', 'No.'), GrpcStatus.UNIMPLEMENTED).code).toBe(12);
});

test('a long message is cut, a broken character mended, in status and details alike', () => {
  const { message, details } = statusOf(new SluiceError('INVALID_MESSAGE', `\ud800${'ü'.repeat(10_000)}`));
  expect(message).toBe(`\ufffd${'ü'.repeat(499)}…`);
  expect(decodeStatusDetails(details!).message).toBe(message);
});

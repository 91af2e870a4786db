import { describe, expect, test } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import { errorOf, verdictOf } from '../../../src/upstream/stream-verdict.js';

const message = 'as it says';

describe('the end of a stream', () => {
  test('with OK is the end of the session', () => {
    expect(verdictOf({ status: GrpcStatus.OK, message: '' })).toEqual({ kind: 'ended' });
  });

  test.each([
    [GrpcStatus.UNAVAILABLE, true],
    [GrpcStatus.UNIMPLEMENTED, true],
    [GrpcStatus.RESOURCE_EXHAUSTED, true],
    [GrpcStatus.UNKNOWN, false],
    [GrpcStatus.INTERNAL, false],
    [GrpcStatus.CANCELLED, false],
    [GrpcStatus.ABORTED, false],
    [GrpcStatus.DEADLINE_EXCEEDED, false],
    [GrpcStatus.DATA_LOSS, false],
    [99, false],
  ])('with status %i is a loss; it blames the address: %s', (status, blames) => {
    const verdict = { kind: 'lost', blames, reached: true, declined: blames, reason: message };
    expect(verdictOf({ status, message })).toEqual(verdict);
  });

  test('of which nobody said why declines nothing', () => {
    const end = { status: GrpcStatus.UNAVAILABLE, message, broken: true } as const;
    expect(verdictOf(end)).toMatchObject({ kind: 'lost', blames: true, reached: true, declined: false });
  });

  test('that never began is a loss, whatever the status of whoever answered', () => {
    const verdict = { kind: 'lost', blames: true, reached: false, reason: message };
    for (const status of [GrpcStatus.UNAVAILABLE, GrpcStatus.PERMISSION_DENIED, GrpcStatus.UNKNOWN])
      expect(verdictOf({ status, message, failure: 'not-sluice' })).toMatchObject(verdict);
  });

  test('with a code of ours is a refusal with it; with one of others it is not', () => {
    const end = { status: GrpcStatus.UNAVAILABLE, message, retryAfterMs: 70 };
    expect(verdictOf({ ...end, code: 'DRAINING' })).toMatchObject({
      kind: 'refused',
      error: { code: 'DRAINING', message, retryAfterMs: 70 },
    });
    expect(verdictOf({ ...end, code: 'toString' })).toMatchObject({ kind: 'lost' });
  });

  test('for what could not be read is a loss; for what is too large a refusal that names no address', () => {
    const end = { status: GrpcStatus.INTERNAL, message: 'a:1 sends rubbish', unreadable: true } as const;
    expect(verdictOf(end)).toMatchObject({ kind: 'lost', blames: false, reached: true });
    const refusal = verdictOf({ ...end, code: 'MESSAGE_TOO_LARGE' });
    expect(refusal).toMatchObject({ kind: 'refused', error: { code: 'MESSAGE_TOO_LARGE' } });
    expect(JSON.stringify(refusal)).not.toContain('a:1');
  });
});

test("a backend's error has its code where that is one of ours", () => {
  expect(errorOf('RATE_LIMITED', 'slow', 5)).toMatchObject({
    code: 'RATE_LIMITED',
    message: 'slow',
    retryAfterMs: 5,
  });
  expect(errorOf('MINE', 'no', 0)).toMatchObject({
    code: 'ROUTE_FAILED',
    message: 'no',
    retryAfterMs: undefined,
  });
  expect(errorOf('', '', 0).message).not.toBe('');
});

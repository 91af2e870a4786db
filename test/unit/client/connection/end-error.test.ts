import { describe, expect, it } from 'vitest';
import { endError } from '../../../../src/client/connection/end-error.js';

describe('endError', () => {
  it.each([
    ['unreachable', 'UNREACHABLE', 'backoff'],
    ['tls-mismatch', 'TLS_MISMATCH', 'never'],
    ['certificate', 'BAD_CERTIFICATE', 'never'],
    ['not-sluice', 'NOT_SLUICE', 'never'],
  ] as const)('%s is %s', (failure, code, retry) => {
    const error = endError({ status: 14, message: 'A sentence.', failure }, 'a:1');
    expect(error).toMatchObject({ code, retry, scope: 'connection', message: 'A sentence.' });
  });

  it('keeps what the gateway says, and what it asks for', () => {
    const end = { status: 8, message: 'full', code: 'SESSION_LIMIT', retryAfterMs: 1_500 };
    expect(endError(end, 'a:1')).toMatchObject({
      code: 'SESSION_LIMIT',
      message: 'full',
      retry: 'backoff',
      retryAfterMs: 1_500,
      // Of one session by itself; here it ended the connection.
      scope: 'connection',
    });
  });

  it.each([
    [14, 'backoff'],
    [8, 'backoff'],
    [13, 'backoff'],
    [3, 'never'],
    [9, 'never'],
    [16, 'never'],
  ])('takes a code that it does not know by its status %i: %s', (status, retry) => {
    expect(endError({ status, message: 'x', code: 'MOON_PHASE' }, 'a:1')).toMatchObject({
      code: 'MOON_PHASE',
      retry,
    });
  });

  it.each([
    [0, 'CONNECTION_LOST', 'now', 'The gateway at a:1 ended the connection.'],
    [14, 'CONNECTION_LOST', 'now', 'The connection to a:1 was lost: x'],
    [1, 'CONNECTION_LOST', 'now', 'The connection to a:1 was lost: x'],
    [8, 'CONNECTION_LOST', 'backoff', 'The connection to a:1 was lost: x'],
    [16, 'UNAUTHENTICATED', 'never', 'x'],
    [7, 'PERMISSION_DENIED', 'never', 'x'],
    [12, 'NOT_SLUICE', 'never', 'x'],
  ])('takes a status %i without a code for %s', (status, code, retry, message) => {
    expect(endError({ status, message: 'x' }, 'a:1')).toMatchObject({ code, retry, message });
  });

  it('has a sentence where nothing was said', () => {
    expect(endError({ status: 14, message: '' }, 'a:1').message).toBe(
      'The connection to a:1 was lost: gRPC status 14',
    );
  });

  it('says once that the connection was lost', () => {
    const message = 'The connection to a:1 was lost.';
    expect(endError({ status: 14, message }, 'a:1').message).toBe(message);
  });
});

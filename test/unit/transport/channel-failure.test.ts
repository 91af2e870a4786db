import { describe, expect, it } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import { connectFailure, type FailedConnect } from '../../../src/transport/grpc/channel-failure.js';

const plain = (phase: FailedConnect['phase'], code: string, more: Partial<FailedConnect> = {}) =>
  connectFailure('gw:50051', { phase, tls: false, code, ...more });
const secure = (phase: FailedConnect['phase'], code: string, more: Partial<FailedConnect> = {}) =>
  connectFailure('gw:50051', { phase, tls: true, code, ...more });

/** What Node 20 to 24 really say; the servers that make them say it are in test/integration/sdk-transport-failures.test.ts. */
describe('connectFailure', () => {
  it.each([
    ['ECONNREFUSED', 'Nothing answers at gw:50051 (connection refused)'],
    ['ENOTFOUND', 'The host of gw:50051 is unknown'],
    ['EAI_AGAIN', 'The host of gw:50051 could not be looked up'],
    ['EHOSTUNREACH', 'No route leads to gw:50051'],
    ['ENETUNREACH', 'No route leads to gw:50051'],
    ['ETIMEDOUT', 'Nothing answers at gw:50051 in time'],
    ['ENOENT', 'There is no socket at gw:50051'],
    ['EACCES', 'This user may not connect to gw:50051'],
    ['EMFILE', 'This process has too many files open'],
    ['ECONNRESET', 'gw:50051 broke the connection off'],
  ])('%s', (code, message) => {
    for (const end of [plain('tcp', code), secure('tcp', code)]) {
      expect(end).toMatchObject({ status: GrpcStatus.UNAVAILABLE, failure: 'unreachable' });
      expect(end.message.startsWith(message)).toBe(true);
    }
  });

  it('passes on what it does not know', () => {
    expect(plain('tcp', 'EWEIRD', { detail: 'something weird' })).toMatchObject({
      failure: 'unreachable',
      message: 'gw:50051 can not be reached: something weird.',
    });
    expect(secure('tls', 'ERR_SSL_WEIRD', { detail: 'weird' })).toMatchObject({
      failure: 'certificate',
      message: 'The TLS handshake with gw:50051 failed: weird.',
    });
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'not trusted here'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'not trusted here'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not trusted here'],
    ['CERT_HAS_EXPIRED', 'has expired'],
    ['CERT_NOT_YET_VALID', 'not valid yet'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'is for another name'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'requires a client certificate'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', "does not accept this client's certificate"],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', "does not accept this client's certificate"],
    // What later versions of OpenSSL call it.
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', "does not accept this client's certificate"],
  ])('%s', (code, message) => {
    const end = secure('tls', code);
    expect(end.failure).toBe('certificate');
    expect(end.message).toContain(message);
  });

  it('tells TLS on one side only', () => {
    expect(secure('tls', 'ERR_SSL_WRONG_VERSION_NUMBER')).toMatchObject({ failure: 'tls-mismatch' });
    expect(plain('http2', '', { speaksTls: true })).toMatchObject({ failure: 'tls-mismatch' });
    expect(plain('http2', '', { speaksTls: false })).toMatchObject({ failure: 'unreachable' });
    expect(secure('tls', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')).toMatchObject({ failure: 'tls-mismatch' });
  });

  it('tells who speaks no HTTP/2', () => {
    expect(plain('http2', 'ERR_HTTP2_ERROR')).toMatchObject({ failure: 'not-sluice' });
    expect(secure('tls', 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')).toMatchObject({
      failure: 'not-sluice',
    });
  });

  it('takes who hangs up after the handshake to want a certificate, unless it has been spoken to before', () => {
    expect(secure('http2', 'ECONNRESET').message).toContain('seems to require a client certificate');
    expect(secure('http2', '', { showsCertificate: true }).message).toContain('seems not to accept');
    expect(secure('http2', '', { wasReady: true })).toMatchObject({ failure: 'unreachable' });
  });

  it('says how far it came in the time it had', () => {
    const timeoutMs = 10_000;
    const messages = [
      plain('tcp', '', { timeoutMs }),
      secure('tls', '', { timeoutMs }),
      secure('http2', '', { timeoutMs }),
    ];
    for (const end of messages) expect(end).toMatchObject({ failure: 'unreachable' });
    expect(messages.map(({ message }) => message)).toEqual([
      expect.stringContaining('Nothing answers at gw:50051 within 10000 ms'),
      expect.stringContaining('does not answer to the TLS handshake within 10000 ms'),
      expect.stringContaining('does not answer to HTTP/2 within 10000 ms'),
    ]);
  });
});

import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { errorNotes } from '../../../src/core/error-notes.js';
import { errorCatalogue, type ErrorCode, SluiceError } from '../../../src/core/errors.js';
import { decodeStatusDetails, encodeStatusDetails } from '../../../src/wire/status-details.js';

/** google/rpc/status.proto, google/rpc/error_details.proto and what they import, as far as needed. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  package google;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`);
const Status = root.lookupType('google.Status');
const ErrorInfo = root.lookupType('google.ErrorInfo');
const RetryInfo = root.lookupType('google.RetryInfo');

interface AnyDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}
interface PlainStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly AnyDetail[];
}

function readByOracle(bytes: Uint8Array): unknown {
  const status = Status.toObject(Status.decode(bytes), { longs: Number }) as PlainStatus;
  const details = status.details.map(({ typeUrl, value }) => {
    const type = typeUrl.endsWith('.ErrorInfo') ? ErrorInfo : RetryInfo;
    return [typeUrl, type.toObject(type.decode(value), { longs: Number })];
  });
  return { code: status.code, message: status.message, details };
}

describe('encodeStatusDetails', () => {
  it('says code, reason, domain and the setting that moves the limit', () => {
    const error = new SluiceError('CONNECTION_LIMIT', 'The gateway holds 5000 connections.', {
      retryAfterMs: 2500,
    });
    expect(readByOracle(encodeStatusDetails(error))).toEqual({
      code: 8,
      message: 'The gateway holds 5000 connections.',
      details: [
        [
          'type.googleapis.com/google.rpc.ErrorInfo',
          { reason: 'CONNECTION_LIMIT', domain: 'sluice', metadata: { setting: 'pool.maxConnections' } },
        ],
        ['type.googleapis.com/google.rpc.RetryInfo', { retryDelay: { seconds: 2, nanos: 500_000_000 } }],
      ],
    });
  });

  it('has RetryInfo only where the error says how long, 0 included', () => {
    const details = (retryAfterMs?: number): unknown =>
      readByOracle(
        encodeStatusDetails(
          new SluiceError('DRAINING', 'Leaving.', retryAfterMs === undefined ? {} : { retryAfterMs }),
        ),
      );
    expect(details()).toMatchObject({ details: [[expect.stringContaining('ErrorInfo'), expect.anything()]] });
    expect(details(0)).toMatchObject({
      details: [expect.anything(), [expect.anything(), { retryDelay: {} }]],
    });
    expect(details(0.2)).toMatchObject({
      details: [expect.anything(), [expect.anything(), { retryDelay: { nanos: 1_000_000 } }]],
    });
    expect(details(60_000)).toMatchObject({
      details: [expect.anything(), [expect.anything(), { retryDelay: { seconds: 60 } }]],
    });
  });

  it('is read back for every error of the catalogue', () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
      const error = new SluiceError(code, `Why: ${code} – é.`, { retryAfterMs: 1001 });
      const { setting } = errorNotes[code];
      const { grpcStatus } = error.entry;
      expect(decodeStatusDetails(encodeStatusDetails(error))).toEqual({
        code: grpcStatus,
        message: error.message,
        reason: code,
        domain: 'sluice',
        retryAfterMs: 1001,
        ...(setting !== undefined && { metadata: new Map([['setting', setting]]) }),
      });
    }
  });
});

describe('decodeStatusDetails', () => {
  it("reads others' statuses: unknown details passed over, the first ErrorInfo counts", () => {
    const errorInfo = (reason: string): AnyDetail => ({
      typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
      value: ErrorInfo.encode({ reason, domain: 'elsewhere' }).finish(),
    });
    const bytes = Status.encode({
      code: 5,
      message: 'm',
      details: [
        { typeUrl: 'type.googleapis.com/google.rpc.Help', value: new Uint8Array([0xff]) },
        errorInfo('FIRST'),
        errorInfo('SECOND'),
      ],
    }).finish();
    expect(decodeStatusDetails(bytes)).toEqual({
      code: 5,
      message: 'm',
      reason: 'FIRST',
      domain: 'elsewhere',
    });
    expect(decodeStatusDetails(new Uint8Array(0))).toEqual({ code: 0, message: '' });
  });

  it('refuses what is not a status, and never hangs on one cut off', () => {
    const bytes = encodeStatusDetails(new SluiceError('STALE', 'Silent for 2 min.', { retryAfterMs: 77 }));
    for (let length = 0; length < bytes.length; length += 1) {
      try {
        decodeStatusDetails(bytes.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(SluiceError);
      }
    }
    expect(() => decodeStatusDetails(new Uint8Array([0x1a, 0x05, 0x0a]))).toThrow(
      /details at byte 1 is cut off/,
    );
  });
});

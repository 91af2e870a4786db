import type { IncomingHttpHeaders } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import { endOfTrailers, endWithoutStatus } from '../../../src/transport/grpc/channel-status.js';
import { encodeStatusDetails } from '../../../src/wire/status-details.js';

const details = (error: SluiceError): string => Buffer.from(encodeStatusDetails(error)).toString('base64');
/** Node's types take the status for a text, which it is not. */
const answer = (status: number, more: IncomingHttpHeaders = {}) =>
  ({ ':status': status, ...more }) as unknown as IncomingHttpHeaders;
const GRPC = answer(200, { 'content-type': 'application/grpc+proto' });

describe('endOfTrailers', () => {
  it('reads status, message, code and when to come again', () => {
    const error = new SluiceError('OVERLOADED', 'Too much — 100 %.', { retryAfterMs: 1_500 });
    const trailers = {
      'grpc-status': '8',
      'grpc-message': 'Too much %E2%80%94 100 %25.',
      'grpc-status-details-bin': details(error),
    };
    expect(endOfTrailers(trailers)).toEqual({
      status: 8,
      message: 'Too much — 100 %.',
      code: 'OVERLOADED',
      retryAfterMs: 1_500,
    });
  });

  it('takes OK for what it is', () => {
    expect(endOfTrailers({ 'grpc-status': '0' })).toEqual({ status: 0, message: '' });
    expect(endOfTrailers({ 'grpc-status': '0', 'grpc-message': 'OK' })).toEqual({ status: 0, message: '' });
  });

  it('is undefined without a status', () => {
    expect(endOfTrailers({ 'grpc-message': 'hello' })).toBeUndefined();
  });

  it('makes do with less', () => {
    const error = new SluiceError('INTERNAL', 'From the details.');
    expect(endOfTrailers({ 'grpc-status': '13', 'grpc-status-details-bin': details(error) })).toMatchObject({
      message: 'From the details.',
    });
    expect(endOfTrailers({ 'grpc-status': '13' })).toEqual({
      status: 13,
      message: 'The call ended with INTERNAL.',
    });
    expect(endOfTrailers({ 'grpc-status': '99' })).toMatchObject({
      message: 'The call ended with gRPC status 99.',
    });
  });

  it('survives what can not be read', () => {
    expect(
      endOfTrailers({ 'grpc-status': 'x', 'grpc-message': '100 % of %E2', 'grpc-status-details-bin': '!!!' }),
    ).toEqual({ status: GrpcStatus.UNKNOWN, message: '100 % of %E2' });
  });

  it('takes no code from another domain', () => {
    const other = Buffer.from(details(new SluiceError('INTERNAL', 'x')), 'base64');
    other.set(Buffer.from('slurce'), other.indexOf('sluice'));
    const end = endOfTrailers({ 'grpc-status': '13', 'grpc-status-details-bin': other.toString('base64') });
    expect(end).not.toHaveProperty('code');
  });
});

describe('endWithoutStatus', () => {
  it.each([
    [7, GrpcStatus.UNAVAILABLE],
    [8, GrpcStatus.CANCELLED],
    [11, GrpcStatus.RESOURCE_EXHAUSTED],
    [12, GrpcStatus.PERMISSION_DENIED],
    [0, GrpcStatus.INTERNAL],
    [2, GrpcStatus.INTERNAL],
  ])('RST_STREAM code %i', (rstCode, status) => {
    expect(endWithoutStatus('gw:1', { headers: GRPC, rstCode, lost: false })).toMatchObject({ status });
  });

  it('is a lost connection before all that, and no gRPC before that', () => {
    const lost = endWithoutStatus('gw:1', { headers: GRPC, rstCode: 8, lost: true });
    const message = 'The connection to gw:1 was lost.';
    expect(lost).toEqual({ status: GrpcStatus.UNAVAILABLE, message, broken: true });
    expect(endWithoutStatus('gw:1', { headers: undefined, rstCode: 8, lost: true })).toEqual(lost);
    expect(endWithoutStatus('gw:1', { headers: answer(404), rstCode: 0, lost: true })).toMatchObject({
      failure: 'not-sluice',
    });
  });

  it.each([
    [401, GrpcStatus.UNAUTHENTICATED, 'not-sluice'],
    [403, GrpcStatus.PERMISSION_DENIED, 'not-sluice'],
    [404, GrpcStatus.UNIMPLEMENTED, 'not-sluice'],
    [500, GrpcStatus.UNKNOWN, 'not-sluice'],
    [502, GrpcStatus.UNAVAILABLE, 'unreachable'],
    [503, GrpcStatus.UNAVAILABLE, 'unreachable'],
  ])('HTTP status %i', (httpStatus, status, failure) => {
    const headers = answer(httpStatus);
    expect(endWithoutStatus('gw:1', { headers, rstCode: 0, lost: false })).toMatchObject({ status, failure });
  });
});

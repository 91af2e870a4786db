import { describe, expect, it } from 'vitest';
import { parseChannelAddress } from '../../../src/transport/grpc/channel-address.js';

describe('parseChannelAddress', () => {
  it.each([
    ['localhost:50051', 'localhost', 50_051, undefined, 'localhost:50051'],
    ['my_service.internal:1', 'my_service.internal', 1, undefined, 'my_service.internal:1'],
    ['127.0.0.1:65535', '127.0.0.1', 65_535, undefined, '127.0.0.1:65535'],
    ['[::1]:8080', '::1', 8_080, undefined, '[::1]:8080'],
    ['[fe80::1%eth0]:8080', 'fe80::1%eth0', 8_080, undefined, '[fe80::1]:8080'],
    ['dns:///gateway:7000', 'gateway', 7_000, undefined, 'gateway:7000'],
    ['dns:gateway:7000', 'gateway', 7_000, undefined, 'gateway:7000'],
    ['grpc://gateway', 'gateway', 50_051, false, 'gateway:50051'],
    ['grpc://gateway:7000/', 'gateway', 7_000, false, 'gateway:7000'],
    ['grpcs://gateway', 'gateway', 50_051, true, 'gateway:50051'],
    ['grpcs://[::1]', '::1', 50_051, true, '[::1]:50051'],
  ])('%s', (text, host, port, tls, authority) => {
    expect(parseChannelAddress(text)).toEqual({ kind: 'tcp', host, port, text, tls, authority });
  });

  it.each([
    ['unix:/run/sluice.sock', '/run/sluice.sock'],
    ['unix:///run/sluice.sock', '/run/sluice.sock'],
    ['unix:sluice.sock', 'sluice.sock'],
  ])('%s', (text, path) => {
    expect(parseChannelAddress(text)).toEqual({
      kind: 'unix',
      path,
      text,
      tls: undefined,
      authority: 'localhost',
    });
  });

  it.each([
    '',
    ':50051',
    'localhost:0',
    'localhost:65536',
    'localhost:http',
    'local host:50051',
    'user@localhost:50051',
    'grpc://',
    'grpc://gateway/path',
    'dns:///gateway',
    '[::1]',
    'unix:',
    'unix://relative',
    'unix:/with\0nul',
    'localhost:50051\n',
  ])('refuses %j, by name and with the forms', (text) => {
    expect(() => parseChannelAddress(text)).toThrow(TypeError);
    expect(() => parseChannelAddress(text)).toThrow(
      `${JSON.stringify(text)} is not the address of a gateway`,
    );
    expect(() => parseChannelAddress(text)).toThrow(
      'It is host:port, [ipv6]:port, dns:///host:port, unix:/path',
    );
  });

  it.each([
    ['localhost', '(write localhost:50051)'],
    ['http://localhost:50051', '(write grpc://localhost:50051)'],
    ['https://gateway.example/', '(write grpcs://gateway.example)'],
    ['::1:50051', '(an IPv6 address goes in brackets)'],
  ])('of %s says what was meant', (text, hint) => {
    expect(() => parseChannelAddress(text)).toThrow(hint);
  });

  it('refuses what is no string, and does not repeat what is without end', () => {
    expect(() => parseChannelAddress(50_051 as unknown as string)).toThrow('is a string, not number');
    expect(() => parseChannelAddress('x'.repeat(1_000_000))).toThrow(/^.{0,500}$/s);
  });

  it('refuses a path that the system would cut short', () => {
    expect(() => parseChannelAddress(`unix:/${'x'.repeat(107)}`)).toThrow('has at most 107');
    expect(parseChannelAddress(`unix:/${'x'.repeat(106)}`)).toMatchObject({ kind: 'unix' });
  });
});

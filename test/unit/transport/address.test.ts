import { describe, expect, it } from 'vitest';
import { StartError } from '../../../src/core/start-error.js';
import {
  addressText,
  hostPort,
  parseListenAddress,
  parseListenAddresses,
} from '../../../src/transport/net/address.js';

describe('parseListenAddress', () => {
  it.each([
    ['0.0.0.0:50051', { kind: 'tcp', host: '0.0.0.0', port: 50051, ipv6Only: false }],
    ['[::]:50051', { kind: 'tcp', host: '::', port: 50051, ipv6Only: false }],
    ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1, ipv6Only: false }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0, ipv6Only: false }],
    [':65535', { kind: 'tcp', host: '', port: 65535, ipv6Only: false }],
    ['unix:/run/sluice.sock', { kind: 'unix', path: '/run/sluice.sock' }],
    ['unix:///run/sluice.sock', { kind: 'unix', path: '/run/sluice.sock' }],
    ['unix:sluice.sock', { kind: 'unix', path: 'sluice.sock' }],
  ])('reads %s', (text, expected) => {
    expect(parseListenAddress(text, 'server.listen')).toEqual(expected);
  });

  it.each([
    '',
    '50051',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    'localhost:5e3',
    '::1:50051',
    '[localhost]:50051',
    'http://localhost:50051',
    'a b:1',
    'unix:',
    'unix://relative',
    'unix:/a\0b',
    `unix:/${'a'.repeat(107)}`,
  ])('refuses %j, naming it', (text) => {
    expect(() => parseListenAddress(text, 'server.listen')).toThrow(StartError);
    expect(() => parseListenAddress(text, 'server.listen')).toThrow(`server.listen: "${text}"`);
  });
});

describe('parseListenAddresses', () => {
  it('refuses an empty list and an address named twice, but not two free ports', () => {
    expect(() => parseListenAddresses([], 'server.listen')).toThrow(/server\.listen is empty/);
    expect(() => parseListenAddresses(['[::1]:5', '[::1]:5'], 'server.listen')).toThrow(
      /"\[::1\]:5" is listed twice/,
    );
    expect(parseListenAddresses(['127.0.0.1:0', '127.0.0.1:0'], 'server.listen')).toHaveLength(2);
  });

  it('keeps the IPv6 wildcard off the IPv4 port only where both are listed', () => {
    const flags = (texts: readonly string[]) =>
      parseListenAddresses(texts, 'server.listen').map(
        (address) => address.kind === 'tcp' && address.ipv6Only,
      );
    expect(flags(['0.0.0.0:5', '[::]:5'])).toEqual([false, true]);
    expect(flags(['0.0.0.0:5', '[::]:6'])).toEqual([false, false]);
    expect(flags(['[::]:5'])).toEqual([false]);
  });
});

it('writes addresses as they are read', () => {
  for (const text of ['1.2.3.4:5', '[::1]:5', 'unix:/a', ':5']) {
    expect(addressText(parseListenAddress(text, 'server.listen'))).toBe(text);
  }
  expect(hostPort('::1', 8)).toBe('[::1]:8');
});

import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError, showMistake } from '../../../src/config/mistake.js';

function mistakes(...argv: string[]): string[] {
  try {
    loadConfig({ argv });
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(showMistake);
    throw error;
  }
  return [];
}

test('addresses, ranges of them, and Unix sockets', () => {
  const trusted = '10.0.0.0/8, 192.0.2.7,2001:db8::/32,::1,unix,0.0.0.0/0';
  const { config } = loadConfig({ argv: ['--balancers.trusted', trusted, '--server.proxyProtocol', 'true'] });
  expect(config.balancers.trusted).toEqual(trusted.split(/, ?/));
});

test.each([
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/08',
  '10.0.0/8',
  '[::1]:80',
  '10.0.0.1:80',
  'fe80::1%eth0',
  'lan',
  '10.0.0.1-9',
])('no such range: %s', (range) => {
  expect(mistakes('--balancers.trusted', range)).toEqual([
    expect.stringContaining(
      'expected an address, a range of them such as 10.0.0.0/8 or 2001:db8::/32, or unix',
    ),
  ]);
});

test.each([
  ['--server.proxyProtocol', 'true'],
  ['--edge.proxyProtocol', 'true'],
  ['--balancers.forwardedHeader', 'forwarded'],
])('nobody is believed who is not named: %s', (flag, value) => {
  expect(mistakes(flag, value)).toEqual([
    expect.stringContaining('it needs balancers.trusted, the addresses of the balancers'),
  ]);
  expect(mistakes(flag, value, '--balancers.trusted', '10.0.0.0/8')).toEqual([]);
});

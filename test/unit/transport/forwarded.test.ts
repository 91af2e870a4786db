import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { ForwardedPeers } from '../../../src/transport/net/forwarded.js';
import { TrustedAddresses } from '../../../src/transport/net/trusted-addresses.js';

const trusted = new TrustedAddresses(['10.0.0.0/8', '2001:db8::/32', '127.0.0.1']);
const plain = new ForwardedPeers('x-forwarded-for', trusted);
const standard = new ForwardedPeers('forwarded', trusted);
const BALANCER = '10.0.0.1:5555';

const own = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.9.${a}.${b}`);
const client = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `203.0.${a}.${b}`),
  fc.nat(0xffff).map((group) => `2a00::${group.toString(16)}:1`),
);
const shown = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const quoted = (address: string): string => (address.includes(':') ? `"[${address}]"` : address);

describe('x-forwarded-for', () => {
  it('names the last that is no balancer, whatever its client wrote in front', () => {
    fc.assert(
      fc.property(fc.string(), client, fc.array(own, { maxLength: 5 }), (invented, address, balancers) => {
        const value = [invented, address, ...balancers].join(', ');
        expect(plain.peerOf(BALANCER, value)).toBe(shown(address));
      }),
    );
  });

  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9:4711', '203.0.113.9:4711'],
    ['2a00::1', '[2a00::1]'],
    ['[2a00::1]', '[2a00::1]'],
    ['[2a00::1]:4711', '[2a00::1]:4711'],
    ['fe80::1%eth0', '[fe80::1]'],
    ['203.0.113.9, ::ffff:10.0.0.7', '203.0.113.9'],
    // All are balancers: the furthest of them.
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    // Further than to what can be read nobody goes.
    ['203.0.113.9, unknown, 10.0.0.2', '10.0.0.2'],
    ['203.0.113.9, ', BALANCER],
    ['203.0.113.9:99999', BALANCER],
    ['203.0.113.999', BALANCER],
    ['[203.0.113.9]', BALANCER],
    ['unknown', BALANCER],
    ['', BALANCER],
  ])('%j is %s', (value, peer) => {
    expect(plain.peerOf(BALANCER, value)).toBe(peer);
  });
});

describe('forwarded', () => {
  it('names the last that is no balancer, or nobody', () => {
    const element = (address: string): string => `by=10.0.0.1;For=${quoted(address)};proto=https`;
    fc.assert(
      fc.property(client, client, fc.array(own, { maxLength: 5 }), (spoofed, address, balancers) => {
        const value = [spoofed, address, ...balancers].map(element).join(', ');
        expect(standard.peerOf(BALANCER, value)).toBe(shown(address));
      }),
    );
  });

  it('never names whom a client has invented in front of what its balancer wrote', () => {
    const INVENTED = '198.51.100.66';
    const part = fc.constantFrom(
      `for=${INVENTED}`,
      'by="',
      '"',
      '\\',
      ';',
      ',',
      ' ',
      '=',
      'for=',
      'x',
      'proto=https',
    );
    const written = fc.constantFrom(
      'for=203.0.113.9',
      'for="[2a00::1]:80";proto=https',
      'by="x";for="203.0.113.9:7"',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), written, (parts, last) => {
        expect(standard.peerOf(BALANCER, `${parts.join('')}, ${last}`)).not.toContain(INVENTED);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['for=203.0.113.9', '203.0.113.9'],
    ['for="[2a00::1]:4711"', '[2a00::1]:4711'],
    ['FOR="203.0.113.9:47";by=_hidden', '203.0.113.9:47'],
    ['for="203.0.\\113.9"', '203.0.113.9'],
    ['for=_hidden', BALANCER],
    ['for=unknown', BALANCER],
    ['for="203.0.113.9:_port"', BALANCER],
    ['for=[2a00::1]', BALANCER],
    ['for=203.0.113.9;for=203.0.113.8', BALANCER],
    ['for=203.0.113.9;', BALANCER],
    ['for=203.0.113.9,', BALANCER],
    ['for=203.0.113.9, by=10.0.0.1', BALANCER],
    ['for=203.0.113.9, for="', BALANCER],
    ['203.0.113.9', BALANCER],
  ])('%j is %s', (value, peer) => {
    expect(standard.peerOf(BALANCER, value)).toBe(peer);
  });
});

describe('who is believed', () => {
  test.each(['203.0.113.1:80', '[2a00::1]:80', 'unix', 'unknown', 'memory:1'])('not %s', (peer) => {
    expect(plain.peerOf(peer, '198.51.100.1')).toBe(peer);
  });
  test.each(['[2001:db8::5]:80', '[::ffff:10.0.0.1]:80', '127.0.0.1:1'])('%s', (peer) => {
    expect(plain.peerOf(peer, '198.51.100.1')).toBe('198.51.100.1');
  });
  it('whoever comes over a Unix socket where unix is named', () => {
    const local = new ForwardedPeers('x-forwarded-for', new TrustedAddresses(['unix']));
    expect(local.peerOf('unix', '198.51.100.1')).toBe('198.51.100.1');
  });
  it('nobody without the header', () => {
    expect(plain.peerOf(BALANCER, undefined)).toBe(BALANCER);
  });
});

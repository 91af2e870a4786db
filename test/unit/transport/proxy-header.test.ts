import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  MAX_PROXY_HEADER_BYTES,
  readProxyHeader,
  type ProxyHeaderReading,
} from '../../../src/transport/net/proxy-header.js';
import { binaryHeader, headerLine, ipv4Block } from '../../helpers/balancer.js';

const LOCAL = 0x20;
const PROXY = 0x21;

function line(text: string): ProxyHeaderReading {
  return readProxyHeader(Buffer.from(text, 'latin1'));
}

const port = fc.integer({ min: 0, max: 65_535 });
const valid = fc.oneof(
  fc.tuple(fc.oneof(fc.ipV4(), fc.constant('2001:db8::7')), port).map(([address, from]) => ({
    header: headerLine(address, from),
    source: { address, port: from },
  })),
  fc.string({ maxLength: 80 }).map((said) => ({
    header: Buffer.from(`PROXY UNKNOWN ${said.replace(/[^ -~]/g, '')}\r\n`),
    source: undefined,
  })),
  fc.tuple(fc.ipV4(), port, fc.uint8Array({ maxLength: 300 })).map(([address, from, more]) => ({
    header: binaryHeader(PROXY, 0x11, Buffer.concat([ipv4Block(address, from), more])),
    source: { address, port: from },
  })),
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 300 })).map(([family, rest]) => ({
    header: binaryHeader(LOCAL, family, rest),
    source: undefined,
  })),
);

describe('readProxyHeader', () => {
  it('reads what is valid, whatever follows, and asks for more before its last byte', () => {
    fc.assert(
      fc.property(valid, fc.uint8Array({ maxLength: 64 }), ({ header, source }, trailing) => {
        expect(readProxyHeader(Buffer.concat([header, trailing]))).toEqual({
          state: 'whole',
          source,
          length: header.length,
        });
        for (let length = 0; length < header.length; length += 1) {
          expect(readProxyHeader(header.subarray(0, length))).toEqual({ state: 'more' });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never throws, and has decided when the most that may come is there', () => {
    const start = fc.constantFrom(
      '',
      'PROXY ',
      'PROXY TCP4 1.2.3.4 ',
      '\r\n\r\n\0\r\nQUIT\n',
      '\r\n\r\n\0\r\nQUIT\n!',
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (text, garbage) => {
        const bytes = Buffer.concat([Buffer.from(text, 'latin1'), garbage]);
        const full = Buffer.concat([bytes, Buffer.alloc(MAX_PROXY_HEADER_BYTES)]);
        expect(['more', 'whole', 'wrong']).toContain(readProxyHeader(bytes).state);
        expect(readProxyHeader(full).state).not.toBe('more');
      }),
    );
  });

  test.each([
    'PROXY TCP4 1.2.3.4 1.2.3.4 080 443\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 65536 443\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 80\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 80 443 9\r\n',
    'PROXY TCP4 1.2.3.4  1.2.3.4 80 443\r\n',
    'PROXY TCP4 ::1 ::1 80 443\r\n',
    'PROXY TCP6 1.2.3.4 1.2.3.4 80 443\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 80 443\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 80 443\n\r\n',
    'PROXY UDP4 1.2.3.4 1.2.3.4 80 443\r\n',
    'PROXY constructor 1.2.3.4 1.2.3.4 80 443\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(93)}`,
    'GET / HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n',
    '\x16\x03\x01',
  ])('refuses %j', (text) => {
    expect(line(text)).toMatchObject({ state: 'wrong' });
    expect(line(text)).toMatchObject({
      reason: expect.stringMatching(/^PROXY protocol header expected: /) as string,
    });
  });

  test.each([
    ['another version', binaryHeader(0x11, 0x11, ipv4Block('1.2.3.4', 1))],
    ['another command', binaryHeader(0x22, 0x11, ipv4Block('1.2.3.4', 1))],
    ['UDP', binaryHeader(PROXY, 0x12, ipv4Block('1.2.3.4', 1))],
    ['an unknown family', binaryHeader(PROXY, 0x41, new Uint8Array(12))],
    ['addresses cut short', binaryHeader(PROXY, 0x11, new Uint8Array(11))],
    ['a header too long', binaryHeader(PROXY, 0x11, new Uint8Array(4_097)).subarray(0, 16)],
  ])('refuses %s', (_, header) => {
    expect(readProxyHeader(header)).toMatchObject({ state: 'wrong' });
  });

  it('writes an IPv6 address in one way, from either version', () => {
    const block = Buffer.alloc(36);
    block.set([0x20, 0x01, 0x0d, 0xb8], 0);
    block.set([7], 15);
    block.writeUInt16BE(4_711, 32);
    const source = { address: '2001:db8::7', port: 4_711 };
    expect(readProxyHeader(binaryHeader(PROXY, 0x21, block))).toMatchObject({ source });
    expect(line('PROXY TCP6 2001:0DB8:0:0:0:0:0:7 ::1 4711 443\r\n')).toMatchObject({ source });
  });

  it('takes the connection as its own where the balancer names no address', () => {
    for (const header of [
      binaryHeader(PROXY, 0x00, new Uint8Array(7)),
      binaryHeader(PROXY, 0x31, new Uint8Array(216)),
    ]) {
      expect(readProxyHeader(header)).toEqual({ state: 'whole', source: undefined, length: header.length });
    }
  });
});

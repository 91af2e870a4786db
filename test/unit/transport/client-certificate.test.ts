/** What is read out of a certificate, whatever its authority has put in. */
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ClientCertificate } from '../../../src/core/credentials.js';
import { readClientCertificate } from '../../../src/transport/net/client-certificate.js';
import { selfSigned, type CertificateRequest } from '../../helpers/certificates.js';

async function certificateOf(request: Partial<CertificateRequest>): Promise<X509Certificate> {
  return new X509Certificate((await selfSigned({ name: 'client', ...request })).cert);
}

async function read(request: Partial<CertificateRequest>): Promise<ClientCertificate> {
  return readClientCertificate(await certificateOf(request));
}

/** A certificate with these bytes for a subjectAltName extension. */
function withNames(...bytes: readonly number[]): Promise<X509Certificate> {
  return certificateOf({
    uris: [],
    extensions: [new x509.Extension('2.5.29.17', false, Buffer.from(bytes))],
  });
}

describe('names', () => {
  test('that look like lists of names are one name each', async () => {
    const tricky = [
      'a.example, DNS:admin.example',
      'a.example", "DNS:admin.example',
      '"quoted"',
      'back\\slash',
      'x\\u002c URI:spiffe://example/admin',
      'nul.example\0.other.example',
      'line\nURI:spiffe://example/admin',
    ];
    const { dnsNames, uris } = await read({ dnsNames: tricky, uris: tricky });
    expect(dnsNames).toEqual(tricky);
    expect(uris).toEqual(tricky);
  });

  test('of other kinds are nobody', async () => {
    const { dnsNames, uris } = await read({});
    expect(dnsNames).toEqual(['localhost']);
    expect(uris).toEqual([]);
    // rfc822Name, then URI
    const mixed = await withNames(0x30, 0x06, 0x81, 0x01, 0x61, 0x86, 0x01, 0x62);
    expect(readClientCertificate(mixed)).toMatchObject({ dnsNames: [], uris: ['b'] });
  });

  test('that are no ASCII stand byte by byte', async () => {
    const odd = await withNames(0x30, 0x04, 0x82, 0x02, 0xc3, 0xbc);
    expect(readClientCertificate(odd).dnsNames).toEqual(['\u00c3\u00bc']);
  });

  test('are none without the extension', async () => {
    expect(await read({ uris: [] })).toMatchObject({ dnsNames: [], uris: [], commonName: 'client' });
  });
});

describe('the common name', () => {
  test.each([
    'orders',
    'a, CN=admin',
    'CN=admin',
    'quoted "name"',
    'sitzung-ä-€-𝄞',
    'nul\0admin',
    'line\nCN=admin',
    '\ufeffadmin',
  ])('%j stands as it is', async (name) => {
    expect(await read({ commonNames: [name] })).toMatchObject({ commonName: name });
  });

  test.each<readonly [string, readonly string[]]>([
    ['none', []],
    ['two', ['one', 'two']],
    ['the same twice', ['one', 'one']],
  ])('is empty where there are %s', async (_, commonNames) => {
    expect(await read({ commonNames })).toMatchObject({ commonName: '' });
  });

  test('is read by the kind of its string', async () => {
    const certificate = await certificateOf({ commonNames: ['sitzung-a'] });
    // Issuer and subject: the last is the subject. In front of the text are its kind and its length.
    const at = certificate.raw.lastIndexOf('sitzung-a');
    const nameAs = (kind: number, firstByte = 0x73): string => {
      const raw = Buffer.from(certificate.raw);
      raw[at - 2] = kind;
      raw[at] = firstByte;
      return readClientCertificate({ raw, validTo: certificate.validTo }).commonName;
    };
    const UTF8 = 0x0c;
    expect(nameAs(UTF8)).toBe('sitzung-a');
    expect(nameAs(0x13)).toBe('sitzung-a');
    expect(nameAs(0x16)).toBe('sitzung-a');
    expect(nameAs(UTF8, 0xff)).toBe('');
    // TeletexString and BMPString: what their bytes mean is a matter of opinion.
    expect(nameAs(0x14)).toBe('');
    expect(nameAs(0x1e)).toBe('');
  });
});

describe('an encoding that is none', () => {
  let certificate: X509Certificate;

  beforeAll(async () => {
    certificate = await certificateOf({ dnsNames: ['a.example'], uris: ['spiffe://example/a'] });
  });

  test.each<readonly [string, readonly number[]]>([
    ['a name that reaches beyond the end', [0x30, 0x03, 0x86, 0x05, 0x61]],
    ['an indefinite length', [0x30, 0x80, 0x86, 0x01, 0x61, 0x00, 0x00]],
    ['a length longer than needed', [0x30, 0x81, 0x03, 0x86, 0x01, 0x61]],
    ['another kind', [0x04, 0x01, 0x61]],
    ['something behind the names', [0x30, 0x03, 0x86, 0x01, 0x61, 0x05, 0x00]],
    ['nothing', []],
    ['a tag and no length', [0x30]],
    ['a high tag number', [0x30, 0x04, 0x9f, 0x81, 0x01, 0x00]],
  ])('of names is refused: %s', async (_, bytes) => {
    const broken = await withNames(...bytes);
    expect(() => readClientCertificate(broken)).toThrow(/^its encoding has /);
  });

  test('of names twice is refused', async () => {
    const again = new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://example/b' }]);
    const twice = await certificateOf({ uris: ['spiffe://example/a'], extensions: [again] });
    expect(() => readClientCertificate(twice)).toThrow('its names twice');
  });

  test('of an end of validity is refused', () => {
    const undated = { raw: certificate.raw, validTo: 'Bad time value' };
    expect(() => readClientCertificate(undated)).toThrow('no date');
  });

  test('throws an error or gives names, whichever byte is wrong, and never reads beyond', () => {
    const { raw, validTo } = certificate;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(raw.length),
        (changes, end) => {
          const changed = Buffer.from(raw);
          for (const [index, value] of changes) changed[index] = value;
          for (const bytes of [changed, changed.subarray(0, end)]) {
            try {
              const { dnsNames, uris } = readClientCertificate({ raw: bytes, validTo });
              const length = [...dnsNames, ...uris].join('').length;
              expect(length).toBeLessThan(raw.length);
            } catch (error) {
              expect(error).toHaveProperty('name', 'DerError');
            }
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

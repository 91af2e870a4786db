import { describe, expect, it, test } from 'vitest';
import { anonymousCaller } from '../../../src/auth/anonymous.js';
import {
  certificateCaller,
  type CertificateIdentityOptions,
} from '../../../src/auth/certificate-identity.js';
import type { ClientCertificate } from '../../../src/core/credentials.js';
import { SluiceError } from '../../../src/core/errors.js';
import { isPrintableId } from '../../../src/core/printable.js';

const NOW = Date.UTC(2024, 0, 1);
const certificate: ClientCertificate = {
  commonName: '',
  dnsNames: [],
  uris: [],
  expiresAtMs: NOW + 1_000,
  thumbprint: 'thumbprint',
};

function caller(
  parts: Partial<ClientCertificate>,
  identity: CertificateIdentityOptions['identity'],
  trustDomain = '',
): ReturnType<typeof certificateCaller> {
  return certificateCaller({ ...certificate, ...parts }, { identity, trustDomain }, NOW);
}

function refusal(...args: Parameters<typeof caller>): string {
  try {
    caller(...args);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'UNAUTHENTICATED') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a SPIFFE ID', () => {
  test.each(['spiffe://example.org/a', 'spiffe://a_b-c.1/ns/x/sa/Y_z.1-2', 'spiffe://x/...'])('%s', (uri) => {
    expect(caller({ uris: [uri] }, 'spiffe').clientId).toBe(uri);
  });

  test.each([
    'spiffe://example.org',
    'spiffe://example.org/',
    'spiffe://example.org/a/',
    'spiffe://example.org//a',
    'spiffe://example.org/./a',
    'spiffe://example.org/a/..',
    'spiffe:///a',
    'spiffe://Example.org/a',
    'spiffe://example.org:80/a',
    'spiffe://user@example.org/a',
    'spiffe://example.org/a?b',
    'spiffe://example.org/a#b',
    'spiffe://example.org/a%20b',
    'spiffe://example.org/a b',
    'spiffe://exämple.org/a',
    `spiffe://${'a'.repeat(256)}/a`,
  ])('not %s', (uri) => {
    expect(refusal({ uris: [uri] }, 'spiffe')).toMatch(
      /^the client certificate has ".*which is no SPIFFE ID/,
    );
  });

  test.each([[[]], [['https://example.org/a']], [['SPIFFE://example.org/a']], [['spiffe:/example.org/a']]])(
    'none of %j',
    (uris) => {
      expect(refusal({ uris, commonName: 'ann', dnsNames: ['a.example'] }, 'spiffe')).toBe(
        'the client certificate has no SPIFFE ID',
      );
    },
  );

  it('is the only URI, or nobody knows which is meant', () => {
    const spiffe = 'spiffe://example.org/a';
    for (const uris of [
      [spiffe, spiffe],
      [spiffe, 'https://example.org'],
      ['https://example.org', spiffe],
    ]) {
      expect(refusal({ uris }, 'spiffe')).toBe(
        'the client certificate has 2 URIs, and a SPIFFE ID has to be the only one',
      );
    }
  });

  it('is of the trust domain, where one is named', () => {
    const uris = ['spiffe://example.org/a'];
    expect(caller({ uris }, 'spiffe', 'example.org').clientId).toBe(uris[0]);
    expect(refusal({ uris }, 'spiffe', 'example.com')).toContain('is of the trust domain "example.org"');
    expect(refusal({ uris }, 'spiffe', 'example.org/a')).toContain('trust domain');
    expect(refusal({ uris: ['spiffe://example.org.evil/a'] }, 'spiffe', 'example.org')).toContain('trust');
  });

  it('of more than 128 characters is refused, not shortened', () => {
    const uri = `spiffe://example.org/${'a'.repeat(107)}`;
    expect(caller({ uris: [uri] }, 'spiffe').clientId).toHaveLength(128);
    expect(refusal({ uris: [`${uri}a`] }, 'spiffe')).toContain('not 1 to 128 printable characters');
  });
});

describe('a DNS name', () => {
  it('is the only one, in lower case', () => {
    expect(caller({ dnsNames: ['A.Example'] }, 'dns').clientId).toBe('a.example');
    expect(refusal({ commonName: 'a.example' }, 'dns')).toContain('has no DNS name');
    expect(refusal({ dnsNames: ['a.example', 'b.example'] }, 'dns')).toContain('has 2 DNS names');
  });

  test.each([
    '*.example',
    'a*.example',
    'a..example',
    '.example',
    'a.example.',
    '',
    '-a.example',
    'a b',
    'a\0.b',
  ])('not %j', (name) => {
    expect(refusal({ dnsNames: [name] }, 'dns')).toContain('has the DNS name');
  });
});

describe('a common name', () => {
  it('is taken as it stands', () => {
    expect(caller({ commonName: 'Ann Lee' }, 'commonName').clientId).toBe('Ann Lee');
  });

  test.each(['', 'a\nb', 'a\0b', 'x'.repeat(129)])('not %j', (commonName) => {
    expect(refusal({ commonName }, 'commonName')).toMatch(/^the client certificate (has no|names)/);
  });
});

it('ends with the certificate', () => {
  const parts = { commonName: 'ann' };
  expect(caller(parts, 'commonName')).toEqual({
    clientId: 'ann',
    method: 'certificate',
    clientClass: undefined,
    permissions: undefined,
    issuedAtMs: undefined,
    expiresAtMs: NOW + 1_000,
  });
  expect(() => caller({ ...parts, expiresAtMs: NOW }, 'commonName')).toThrow(
    new SluiceError('TOKEN_EXPIRED', 'the client certificate expired at 2024-01-01T00:00:00.000Z'),
  );
});

describe('an anonymous client', () => {
  it('is who they say they are, or has a new name', () => {
    expect(anonymousCaller('ann', false).clientId).toBe('ann');
    const made = anonymousCaller(undefined, false).clientId;
    expect(isPrintableId(made)).toBe(true);
    expect(anonymousCaller(undefined, false).clientId).not.toBe(made);
  });

  it('beside those who prove who they are has a name of its own kind, once', () => {
    expect(anonymousCaller('ann', true).clientId).toBe('anonymous:ann');
    expect(anonymousCaller('anonymous:ann', true).clientId).toBe('anonymous:ann');
    expect(anonymousCaller(undefined, true).clientId).toMatch(/^anonymous:./);
  });

  test.each([
    ['', false, 'is not 1 to 128 printable characters'],
    ['a\u202eb', true, 'is not 1 to 128 printable characters'],
    ['x'.repeat(129), false, 'is not 1 to 128 printable characters'],
    ['x'.repeat(119), true, 'is longer than 118 characters, which leave room for "anonymous:"'],
  ])('is not %j', (id, apart, reason) => {
    expect(() => anonymousCaller(id, apart)).toThrow(reason);
    expect(anonymousCaller('x'.repeat(118), true).clientId).toHaveLength(128);
  });
});

import { createSecretKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { KeyFile } from '../../../src/auth/key-file.js';
import { type TokenAlgorithm } from '../../../src/core/token-algorithms.js';
import { keyOfJwk, keysOfFile } from '../../../src/auth/verification-keys.js';
import { StartError } from '../../../src/core/start-error.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { TestAuthority } from '../../helpers/certificates.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { makeTokenKey, privatePem, publicPem } from '../../helpers/tokens.js';

const RS = makeTokenKey('RS256', { kid: 'rs' });
const ES = makeTokenKey('ES256', { kid: 'es' });
const ED = makeTokenKey('EdDSA', { kid: 'ed' });
const HS = makeTokenKey('HS256', { kid: 'hs' });
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

const algorithmsIn = (text: string): (readonly string[])[] => keysOfFile(text).map((key) => key.algorithms);
const jwkSet = (...jwks: readonly object[]): string => JSON.stringify({ keys: jwks });

describe('a file', () => {
  test('of PEM: public keys in both forms and certificates, with text around them', async () => {
    const { cert } = await (
      await TestAuthority.create()
    ).issue({ name: 'issuer', validForDays: -1, validFromDays: -9 });
    const pkcs1 = String(RS.verifying.export({ type: 'pkcs1', format: 'pem' }));
    const text = `# of the issuer\r\n${publicPem(RS)}\n${publicPem(ED).replaceAll('\n', '\r\n')}and\n${cert}\n${pkcs1}`;
    expect(algorithmsIn(text)).toEqual([RSA_ALGORITHMS, ['EdDSA', 'Ed25519'], ['ES256'], RSA_ALGORITHMS]);
    const [first, , third] = keysOfFile(text);
    expect(first!.kid).toBeUndefined();
    expect(first!.key.equals(RS.verifying)).toBe(true);
    expect(third!.key.equals(new X509Certificate(cert).publicKey)).toBe(true);
  });

  test('of JSON: a key or a set, which may hold secrets and keys for something else', () => {
    expect(algorithmsIn(JSON.stringify(RS.jwk))).toEqual([RSA_ALGORITHMS]);
    const others = [
      { ...RS.jwk, use: 'enc' },
      { ...RS.jwk, alg: 'RSA-OAEP' },
      { ...ES.jwk, key_ops: ['deriveKey'] },
      generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }),
      { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
    ];
    const set = jwkSet(
      ...others,
      HS.jwk,
      { ...ES.jwk, use: 'sig', key_ops: ['verify'] },
      { ...RS.jwk, alg: 'PS256' },
    );
    expect(keysOfFile(` \n${set}`).map(({ kid, algorithms }) => ({ kid, algorithms }))).toEqual([
      { kid: 'hs', algorithms: ['HS256'] },
      { kid: 'es', algorithms: ['ES256'] },
      { kid: 'rs', algorithms: ['PS256'] },
    ]);
  });

  test.each([
    [32, ['HS256']],
    [47, ['HS256']],
    [48, ['HS256', 'HS384']],
    [64, ['HS256', 'HS384', 'HS512']],
  ])('of a secret of %i bytes serves the hashes that are no longer', (bytes, algorithms) => {
    const jwk = createSecretKey(Buffer.alloc(bytes, 1)).export({ format: 'jwk' });
    expect(keyOfJwk(jwk)?.algorithms).toEqual(algorithms);
  });

  const weak = makeTokenKey('RS256', { rsaBits: 1024 });
  const everybody = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  test.each<readonly [string, string, string]>([
    ['nothing', '', 'holds neither PEM nor JSON'],
    ['a plain secret', 'correct horse battery staple', 'holds neither PEM nor JSON'],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me', 'holds neither PEM nor JSON'],
    ['JSON that is broken', '{"keys":[{"k":"S3CR3T"', 'is not JSON'],
    ['a list', `[${JSON.stringify(RS.jwk)}]`, 'holds a key that is not a JWK'],
    ['another object', '{"a":1}', 'holds a key that is not a JWK'],
    ['keys that are no list', '{"keys":{}}', 'is not a JWK set: it has no list "keys"'],
    ['no key', '{"keys":[]}', 'holds no key for signatures'],
    ['no key for signatures', jwkSet({ ...RS.jwk, use: 'enc' }), 'holds no key for signatures'],
    [
      'too many keys',
      jwkSet(...Array.from({ length: 101 }, () => ES.jwk)),
      'has 101 keys, and 100 are the most',
    ],
    ['too much PEM', publicPem(ES).repeat(101), 'has 101 keys, and 100 are the most'],
    ['a private key', privatePem(RS), 'holds a key that is private'],
    [
      'a private key beside a public one',
      `${publicPem(RS)}\n${privatePem(ES)}`,
      'holds a key that is private',
    ],
    [
      'an encrypted private key',
      '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n',
      'holds a key that is private',
    ],
    [
      'a private JWK',
      jwkSet(ES.jwk, RS.signing.export({ format: 'jwk' })),
      'holds a key, number 2, that is private',
    ],
    ['a weak RSA key', publicPem(weak), 'holds a key, number 1, that has 1024 bits, and 2048 are the least'],
    ['a weak RSA JWK', JSON.stringify(weak.jwk), 'holds a key that has 1024 bits, and 2048 are the least'],
    ['an RSA key of exponent 1', JSON.stringify({ ...everybody, e: 'AQ' }), 'with which everybody can sign'],
    [
      'a short secret',
      jwkSet({ kty: 'oct', k: 'A'.repeat(42) }),
      'number 1, that has 248 bits, and 256 are the least',
    ],
    ['a secret that is none', jwkSet({ kty: 'oct', k: 'S3CR3T+/=' }), 'has no "k" in base64url'],
    [
      'a point that is not on its curve',
      JSON.stringify({ ...ES.jwk, y: ES.jwk['x'] }),
      "holds a key that can't be read",
    ],
    ['a name that is a number', JSON.stringify({ ...ES.jwk, kid: 7 }), 'has a "kid" that is not a string'],
    [
      'another curve',
      String(
        generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({
          type: 'spki',
          format: 'pem',
        }),
      ),
      'is of the curve "secp256k1"',
    ],
    [
      'a key for agreeing on keys',
      String(generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' })),
      'is of the kind "x25519"',
    ],
    ['a broken PEM key', publicPem(RS).replace('MII', 'AAA'), "holds a key, number 1, that can't be read"],
    ['PEM that is cut', publicPem(RS).slice(0, 200), 'holds broken PEM'],
    ['PEM that is cut, after another', publicPem(RS) + publicPem(ES).slice(0, 60), 'holds broken PEM'],
    [
      'a certificate request',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      'not a public key or a certificate',
    ],
  ])('that holds %s is refused, and says nothing of it', (_, text, sentence) => {
    expect(() => keysOfFile(text)).toThrow(sentence);
    expect(() => keysOfFile(text)).not.toThrow('S3CR3T');
  });
});

describe('KeyFile', () => {
  let directory: string;
  let file: string;
  let clock: FakeClock;
  let logger: RecordingLogger;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
    file = join(directory, 'issuer.pem');
    clock = new FakeClock({ wallStartMs: Date.now() + 3_600_000 });
    logger = new RecordingLogger();
    return () => {
      rmSync(directory, { recursive: true });
    };
  });

  const keyFile = (algorithms: readonly TokenAlgorithm[] = ['RS256', 'ES256']): KeyFile =>
    new KeyFile({ file, algorithms, reloadIntervalMs: 60_000, clock, logger });
  const find = (keys: KeyFile, algorithm: TokenAlgorithm, kid?: string): number =>
    keys.keysFor({ algorithm, kid }).length;

  test('keys without names serve whatever the token names; named ones those', () => {
    writeFileSync(file, publicPem(RS));
    const pem = keyFile();
    expect(find(pem, 'RS256', 'anything')).toBe(1);
    expect(find(pem, 'RS256')).toBe(1);
    expect(find(pem, 'ES256')).toBe(0);
    writeFileSync(file, jwkSet(RS.jwk, ES.jwk, { ...RS.jwk, kid: undefined }));
    const set = keyFile();
    expect(set.keysFor({ algorithm: 'RS256', kid: 'rs' }).map(({ kid }) => kid)).toEqual(['rs']);
    expect(set.keysFor({ algorithm: 'RS256', kid: 'x' }).map(({ kid }) => kid)).toEqual([undefined]);
    expect(find(set, 'RS256')).toBe(2);
    expect(find(set, 'ES256', 'rs')).toBe(0);
  });

  test('what can not be used stops the start, naming setting and file', () => {
    const fault = (): unknown => {
      try {
        return keyFile();
      } catch (error) {
        return error;
      }
    };
    expect(fault()).toMatchObject({
      setting: 'auth.jwt.keyFile',
      message: `auth.jwt.keyFile: "${file}" can't be read: there is no such file.`,
    });
    writeFileSync(file, privatePem(RS));
    expect(fault()).toBeInstanceOf(StartError);
    expect(String(fault())).toContain(`"${file}" holds a key that is private`);
    writeFileSync(file, publicPem(ED));
    expect(String(fault())).toContain(
      'holds keys for EdDSA, Ed25519, of which auth.jwt.algorithms allows none',
    );
  });

  test('a file that everybody can read is warned of where it may hold a secret', () => {
    writeFileSync(file, jwkSet(HS.jwk), { mode: 0o644 });
    keyFile(['HS256']);
    expect(logger.messages('warn')).toHaveLength(1);
    keyFile(['HS256', 'RS256']);
    expect(logger.messages('warn')).toHaveLength(2);
    writeFileSync(file, publicPem(RS));
    keyFile();
    expect(logger.messages('warn')).toHaveLength(2);
  });

  test('is read again on the interval and when asked; the last good keys stay', () => {
    writeFileSync(file, publicPem(RS));
    const keys = keyFile();
    keys.start();
    writeFileSync(file, publicPem(ES));
    clock.advance(60_000);
    expect([find(keys, 'RS256'), find(keys, 'ES256')]).toEqual([0, 1]);
    writeFileSync(file, 'garbage');
    keys.reload();
    clock.advance(180_000);
    expect(find(keys, 'ES256')).toBe(1);
    expect(logger.messages('error')).toEqual([
      `auth.jwt.keyFile: "${file}" holds neither PEM nor JSON. What it held before stays in use.`,
    ]);
    writeFileSync(file, publicPem(RS));
    keys.reload();
    expect([find(keys, 'RS256'), find(keys, 'ES256')]).toEqual([1, 0]);
    keys.stop();
    expect(clock.activeTimers).toBe(0);
  });
});

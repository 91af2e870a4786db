import {
  createPublicKey,
  createSecretKey,
  X509Certificate,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

import { errorText } from '../core/error-text.js';
import { quoted } from '../core/printable.js';
import type { TokenAlgorithm } from '../core/token-algorithms.js';
import { isJsonObject, parseJsonText, type JsonObject } from './json-text.js';

/**
 * A key and all that it may be used for. What it serves follows from what it
 * is, never from what a token asks for: a public key is nobody's secret.
 */
export interface VerificationKey {
  /** Undefined: whatever name the token has for its key. */
  readonly kid: string | undefined;
  readonly algorithms: readonly TokenAlgorithm[];
  readonly key: KeyObject;
}

export interface KeyQuestion {
  readonly algorithm: TokenAlgorithm;
  /** The token's name for its key; undefined where it has none. */
  readonly kid: string | undefined;
}

/** Where the keys come from that tokens are checked with. */
export interface VerificationKeys {
  /**
   * Those that it may be; none where there is no such key. Throws or rejects with AUTH_UNAVAILABLE where that can't
   * be told now, and with UNAUTHENTICATED and a time to come again where it is not known, but may be new.
   */
  keysFor(question: KeyQuestion): readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  start(): void;
  /** Looks for newer ones now, and keeps those there are until it has them. */
  reload(): void;
  /** Idempotent. */
  stop(): void;
}

/** More is not a set of keys but a mistake, and each is tried for a token that does not name its own. */
const MAX_KEYS = 100;
/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048;

/** The keys of a set that may be it: of that name, else of none, and fit for the algorithm. */
export function candidates(
  keys: readonly VerificationKey[],
  { algorithm, kid }: KeyQuestion,
): readonly VerificationKey[] {
  const fit = keys.filter((key) => key.algorithms.includes(algorithm));
  if (kid === undefined) return fit;
  const named = fit.filter((key) => key.kid === kid);
  return named.length > 0 ? named : fit.filter((key) => key.kid === undefined);
}

/**
 * The keys of a file: PEM public keys and certificates, or a JWK or a set of
 * them in JSON. Throws an Error whose message goes on from the file's name and
 * holds nothing of a key.
 */
export function keysOfFile(text: string): readonly VerificationKey[] {
  const keys = /^\s*[[{]/.test(text) ? keysOfJson(parseJsonText(text)) : keysOfPem(text);
  if (keys.length === 0) throw new Error('holds no key for signatures');
  return keys;
}

/** The entries of a JWK set (RFC 7517 section 5). Throws an Error whose message goes on from the name of where it is. */
export function entriesOfSet(json: unknown): readonly unknown[] {
  const entries = isJsonObject(json) ? json['keys'] : undefined;
  if (!Array.isArray(entries)) throw new Error('is not a JWK set: it has no list "keys"');
  if (entries.length > MAX_KEYS) {
    throw new Error(`has ${entries.length} keys, and ${MAX_KEYS} are the most`);
  }
  return entries as readonly unknown[];
}

/**
 * A key of a JWK (RFC 7517); undefined where it is for something else than
 * signatures that are known here. Throws an Error whose message goes on from
 * the name of the key.
 */
export function keyOfJwk(jwk: unknown): VerificationKey | undefined {
  if (!isJsonObject(jwk) || typeof jwk['kty'] !== 'string') throw new Error('is not a JWK');
  const { kid, alg, use, key_ops: operations } = jwk;
  if (kid !== undefined && typeof kid !== 'string') throw new Error('has a "kid" that is not a string');
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  const key = jwk['kty'] === 'oct' ? secretOf(jwk) : publicOf(jwk);
  if (key === undefined) return undefined;
  const algorithms = algorithmsOf(key).filter((each) => alg === undefined || each === alg);
  return algorithms.length === 0 ? undefined : { kid, algorithms, key };
}

function keysOfJson(json: unknown): readonly VerificationKey[] {
  const isSet = isJsonObject(json) && json['keys'] !== undefined;
  const entries = isSet ? entriesOfSet(json) : [json];
  return entries.flatMap((entry, index) => {
    try {
      return keyOfJwk(entry) ?? [];
    } catch (error) {
      const which = isSet ? `holds a key, number ${index + 1}, that` : 'holds a key that';
      throw new Error(`${which} ${errorText(error)}`);
    }
  });
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----[^-]*-----END \1-----/g;

function keysOfPem(text: string): readonly VerificationKey[] {
  // createPublicKey would take a private key too, and make its public one of it.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) throw new Error(`holds a key that ${PRIVATE}`);
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const begun = text.split('-----BEGIN ').length - 1;
  if (begun === 0) throw new Error('holds neither PEM nor JSON');
  if (begun > blocks.length) throw new Error('holds broken PEM');
  if (blocks.length > MAX_KEYS) throw new Error(`has ${blocks.length} keys, and ${MAX_KEYS} are the most`);
  return blocks.map(([block, label = ''], index) => {
    try {
      const key = publicKeyOfPem(block, label);
      return { kid: undefined, algorithms: algorithmsOf(key), key };
    } catch (error) {
      throw new Error(`holds a key, number ${index + 1}, that ${errorText(error)}`);
    }
  });
}

function publicKeyOfPem(block: string, label: string): KeyObject {
  switch (label) {
    case 'PUBLIC KEY':
    case 'RSA PUBLIC KEY':
      return readable(() => createPublicKey(block));
    case 'CERTIFICATE':
      return readable(() => new X509Certificate(block).publicKey);
    default:
      throw new Error(`is ${quoted(label)}, and not a public key or a certificate`);
  }
}

const PRIVATE = 'is private: nobody but the issuer of tokens should have it; give the public one';

function publicOf(jwk: JsonObject): KeyObject | undefined {
  const kty = jwk['kty'];
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return undefined;
  if (jwk['d'] !== undefined) throw new Error(PRIVATE);
  // Of a kind for agreeing on keys, or of a curve for which there is no algorithm here.
  if (kty === 'OKP' && jwk['crv'] !== 'Ed25519') return undefined;
  if (kty === 'EC' && !['P-256', 'P-384', 'P-521'].includes(String(jwk['crv']))) return undefined;
  return readable(() => createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }));
}

function secretOf(jwk: JsonObject): KeyObject {
  const { k } = jwk;
  if (typeof k !== 'string' || !/^[A-Za-z0-9_-]+$/.test(k)) throw new Error('has no "k" in base64url');
  return createSecretKey(k, 'base64url');
}

/** What OpenSSL says of a key it can't read helps nobody, and might hold a part of it. */
function readable(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    throw new Error("can't be read");
  }
}

/** By what the key is. Throws an Error for one that is too weak, or for no algorithm known here. */
function algorithmsOf(key: KeyObject): readonly TokenAlgorithm[] {
  if (key.type === 'secret') return secretAlgorithms((key.symmetricKeySize ?? 0) * 8);
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < MIN_RSA_BITS) {
        throw new Error(`has ${modulusLength} bits, and ${MIN_RSA_BITS} are the least`);
      }
      // With 1 everything is its own signature.
      if (publicExponent < 3n) throw new Error('has an exponent with which everybody can sign');
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ec':
      switch (namedCurve) {
        case 'prime256v1':
          return ['ES256'];
        case 'secp384r1':
          return ['ES384'];
        case 'secp521r1':
          return ['ES512'];
        default:
          throw new Error(`is of the curve ${quoted(namedCurve ?? '')}, which no algorithm of tokens uses`);
      }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      throw new Error(`is of the kind ${quoted(key.asymmetricKeyType ?? '')}, which can't check tokens`);
  }
}

/** RFC 7518 section 3.2: as long as the hash at least. */
function secretAlgorithms(bits: number): readonly TokenAlgorithm[] {
  if (bits < 256) throw new Error(`has ${bits} bits, and 256 are the least (HS256)`);
  if (bits < 384) return ['HS256'];
  return bits < 512 ? ['HS256', 'HS384'] : ['HS256', 'HS384', 'HS512'];
}

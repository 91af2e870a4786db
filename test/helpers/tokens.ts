/** Real keys and tokens signed with them, without the library that verifies them: what is hostile can be made too. */
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';

export interface TokenKey {
  readonly alg: string;
  readonly kid: string | undefined;
  /** What signs: private, or secret. */
  readonly signing: KeyObject;
  /** What verifies: public, or secret. */
  readonly verifying: KeyObject;
  /** What verifies, as a JWK with `kid`. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function signingKey(alg: string, rsaBits: number): KeyObject {
  const curve = CURVES[alg];
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
  if (alg === 'EdDSA' || alg === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (alg.startsWith('HS')) return createSecretKey(randomBytes(Number(alg.slice(2)) / 8));
  return generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
}

export function makeTokenKey(alg: string, options: { kid?: string; rsaBits?: number } = {}): TokenKey {
  const signing = signingKey(alg, options.rsaBits ?? 2048);
  const verifying = signing.type === 'secret' ? signing : createPublicKey(signing);
  const { kid } = options;
  return {
    alg,
    kid,
    signing,
    verifying,
    jwk: { ...verifying.export({ format: 'jwk' }), ...(kid === undefined ? {} : { kid }) },
  };
}

/** SPKI in PEM. */
export function publicPem(key: TokenKey): string {
  return String(key.verifying.export({ type: 'spki', format: 'pem' }));
}

export function privatePem(key: TokenKey): string {
  return String(key.signing.export({ type: 'pkcs8', format: 'pem' }));
}

export function base64url(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64url');
}

function signatureOf(alg: string, key: KeyObject, input: string): Buffer {
  const hash = `sha${alg.slice(2)}`;
  const data = Buffer.from(input);
  switch (alg.slice(0, 2)) {
    case 'HS':
      return createHmac(hash, key).update(data).digest();
    case 'RS':
      return sign(hash, data, key);
    case 'PS':
      return sign(hash, data, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: Number(alg.slice(2)) / 8,
      });
    case 'ES':
      return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
    default:
      return sign(null, data, key);
  }
}

/** Signs anything as a header and a payload, JSON or not. */
export function signText(alg: string, key: KeyObject, header: string, payload: string | Uint8Array): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${signatureOf(alg, key, input).toString('base64url')}`;
}

/** A token of these claims; `header` adds to alg, kid and typ, or takes their place. */
export function signToken(
  key: TokenKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const full = { alg: key.alg, typ: 'JWT', kid: key.kid, ...header };
  return signText(key.alg, key.signing, JSON.stringify(full), JSON.stringify(claims));
}

import type { KeyObject } from 'node:crypto';

import type * as Jose from 'jose';

import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';
import { keyUnknown, missing, refused, timeText, tokenSays, type ClaimNames } from './token-claims.js';
import type { TokenAlgorithm } from '../core/token-algorithms.js';
import type { KeyQuestion, VerificationKeys } from './verification-keys.js';
import type { VerifiedToken } from './verified-token.js';

export interface JwtTokensOptions extends ClaimNames {
  readonly keys: VerificationKeys;
  /** What a token may be signed with; at least one. */
  readonly algorithms: readonly TokenAlgorithm[];
  /** "" = of any issuer whose key is trusted. */
  readonly issuer: string;
  /** One of them has to be among the token's; none = for anybody, which the configuration warns of. */
  readonly audience: readonly string[];
  /** How far the issuer's clock may be off. */
  readonly clockToleranceMs: number;
  readonly maxTokenBytes: number;
  /** From its issue, or from now where it does not say, to its end. */
  readonly maxTokenLifetimeMs: number;
  readonly clock: Clock;
}

/** Compact serialization: three parts, or the five of an encrypted one. The signature is empty with "none". */
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*)?$/;
/** Of a token that does not name its key: more are not tried, since each costs as much as a token. */
const MAX_TRIED = 4;

type Library = typeof Jose;

/**
 * JSON Web Tokens (RFC 7519, signed as RFC 7515 says): verified against keys
 * that are known beforehand and nothing a token brings along. No error holds a
 * part of the token but its times.
 */
export class JwtTokens {
  readonly #options: JwtTokensOptions;
  /** Loaded where there are tokens to verify, not at every start. */
  readonly #jose: Promise<Library> = import('jose');

  constructor(options: JwtTokensOptions) {
    this.#options = options;
  }

  /** Whether it has the form of a JWT; says nothing of whether it holds. */
  looksLike(token: string): boolean {
    return FORM.test(token);
  }

  /** Rejects with UNAUTHENTICATED, TOKEN_EXPIRED, or AUTH_UNAVAILABLE where its key can't be had now. */
  async verify(token: string): Promise<VerifiedToken> {
    const { maxTokenBytes, keys, clock } = this.#options;
    if (token.length > maxTokenBytes) {
      throw refused(
        `The token has ${token.length} bytes, and ${maxTokenBytes} are the most (auth.maxTokenSize).`,
      );
    }
    const jose = await this.#jose;
    const question = this.#question(token, jose);
    const candidates = await keys.keysFor(question);
    if (candidates.length === 0) throw keyUnknown();
    if (candidates.length > MAX_TRIED) {
      throw refused(`The token does not name its key, and ${candidates.length} could be it.`);
    }
    const payload = await this.#firstThatHolds(
      jose,
      token,
      question.algorithm,
      candidates.map(({ key }) => key),
    );
    return tokenSays(payload, this.#options, { ...this.#options, nowMs: clock.wallNow() });
  }

  /** Fetches or watches the keys. */
  start(): void {
    this.#options.keys.start();
  }

  /** Looks for newer keys now. */
  reload(): void {
    this.#options.keys.reload();
  }

  /** Idempotent. */
  stop(): void {
    this.#options.keys.stop();
  }

  /** What the header asks for; `jku`, `x5u`, `jwk` and `x5c` are not looked at: whoever signed wrote them. */
  #question(token: string, { decodeProtectedHeader }: Library): KeyQuestion {
    if (!FORM.test(token)) throw refused('The token is not a JWT.');
    if (token.split('.').length === 5) throw refused('The token is encrypted; only signed ones are taken.');
    const { alg, kid, typ, crit } = headerOf(token, decodeProtectedHeader);
    const algorithm = this.#options.algorithms.find((allowed) => allowed === alg);
    if (algorithm === undefined) {
      throw refused('The token is signed with an algorithm that auth.jwt.algorithms does not allow.');
    }
    // RFC 7515 section 4.1.11: what has to be understood and is not makes it invalid.
    if (crit !== undefined) throw refused('The token asks for an extension (crit) that is not known.');
    if (typ !== undefined && !isTokenType(typ))
      throw refused('The token is of another type ("typ") than JWT or at+jwt.');
    if (kid !== undefined && typeof kid !== 'string') throw refused('The token\'s "kid" is not a string.');
    return { algorithm, kid };
  }

  async #firstThatHolds(
    { errors, jwtVerify }: Library,
    token: string,
    algorithm: TokenAlgorithm,
    keys: readonly KeyObject[],
  ): Promise<Jose.JWTPayload> {
    const { issuer, audience, clockToleranceMs, clock } = this.#options;
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          currentDate: new Date(clock.wallNow()),
          clockTolerance: clockToleranceMs / 1000,
          requiredClaims: ['exp'],
          ...(issuer === '' ? {} : { issuer }),
          ...(audience.length === 0 ? {} : { audience: [...audience] }),
        });
        return payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed))
          throw refusal(error, this.#options, errors);
      }
    }
    throw refused('The signature of the token does not hold.');
  }
}

function headerOf(token: string, decode: Library['decodeProtectedHeader']): Jose.ProtectedHeaderParameters {
  try {
    return decode(token);
  } catch {
    throw refused('The header of the token is broken.');
  }
}

/** RFC 7519 section 5.1, RFC 9068 section 2.1: a media type, of which `application/` may be left out. */
function isTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ);
}

/** Without the cause: the library's errors hold all of the token's claims. What is expected is said, what came is not. */
function refusal(
  error: unknown,
  expected: Pick<JwtTokensOptions, 'issuer' | 'audience'>,
  errors: Library['errors'],
): SluiceError {
  if (error instanceof errors.JWTExpired) {
    return new SluiceError('TOKEN_EXPIRED', `The token expired at ${timeText(error.payload.exp)}.`);
  }
  if (!(error instanceof errors.JWTClaimValidationFailed)) return refused('The token is broken.');
  const { claim, reason, payload } = error;
  if (reason === 'missing') return missing(claim);
  if (reason === 'invalid') return refused(`The token's claim "${claim}" is not a time.`);
  switch (claim) {
    case 'iss':
      return refused(
        `The token is of another issuer ("iss") than auth.jwt.issuer = ${quoted(expected.issuer)}.`,
      );
    case 'aud':
      return refused(
        `The token is for another audience ("aud") than auth.jwt.audience = [${expected.audience.map(quoted).join(', ')}].`,
      );
    case 'nbf':
      return refused(`The token holds only from ${timeText(payload.nbf)} on ("nbf").`);
    default:
      return refused(`The token's claim "${claim}" does not hold.`);
  }
}

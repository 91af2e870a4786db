import { Authentication } from './auth/authentication.js';
import type { AuthorizationCallout } from './auth/authorization-callout.js';
import { FailedAttempts } from './auth/failed-attempts.js';
import { JwksKeys } from './auth/jwks-keys.js';
import { JwtTokens } from './auth/jwt-tokens.js';
import type { Revocations } from './auth/revocations.js';
import type { StaticTokens } from './auth/static-tokens.js';
import type { VerificationKeys } from './auth/verification-keys.js';
import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import {
  calloutOf,
  classesOf,
  revocationsOf,
  staticTokensOf,
  tokenKeysOf,
  type GatewayAuthOptions,
} from './gateway-auth-parts.js';
import type { AuthLevels } from './metrics/metrics-sources.js';

/** A part that reads or fetches something again. */
interface Kept {
  start(): void;
  reload(): void;
}

/** Who may come in, as the configuration says: builds the parts of `auth/`, starts and stops them together. */
export class GatewayAuth {
  readonly authentication: Authentication;
  readonly revocations: Revocations;
  readonly #failedAttempts: FailedAttempts | undefined;
  readonly #staticTokens: StaticTokens | undefined;
  readonly #jwks: JwksKeys | undefined;
  readonly #jwt: JwtTokens | undefined;
  readonly #callout: AuthorizationCallout | undefined;

  /** Throws a StartError, one sentence that names the setting, where a file can't be used. */
  constructor(options: GatewayAuthOptions) {
    const { config, clock, counts } = options;
    const { auth } = config;
    const { methods } = auth;
    const classes = classesOf(config);
    this.revocations = revocationsOf(options);
    this.#failedAttempts =
      auth.failures.perSecond === 0 ? undefined : new FailedAttempts({ ...auth.failures, clock });
    this.#staticTokens = staticTokensOf(options, classes);
    const keys = tokenKeysOf(options);
    this.#jwks = keys instanceof JwksKeys ? keys : undefined;
    this.#jwt = keys && jwtOf(auth, keys, clock);
    this.#callout = calloutOf(options);
    this.authentication = new Authentication({
      classes,
      ...(this.#staticTokens === undefined ? {} : { staticTokens: this.#staticTokens }),
      ...(this.#jwt === undefined ? {} : { jwt: this.#jwt }),
      ...(methods.includes('certificate') ? { certificate: auth.certificate } : {}),
      anonymous: methods.includes('anonymous'),
      ...(this.#callout === undefined ? {} : { callout: this.#callout }),
      ...(this.#failedAttempts === undefined ? {} : { failedAttempts: this.#failedAttempts }),
      revocations: this.revocations,
      maxTokenBytes: auth.maxTokenSize,
      counters: counts,
      clock,
    });
  }

  /** For metrics. `unidentified` is the server's to tell. */
  get levels(): Omit<AuthLevels, 'unidentified'> {
    return {
      failingAddresses: this.#failedAttempts?.size ?? 0,
      revocations: this.revocations.size,
      jwks: this.#jwks && { fetches: this.#jwks.fetches, ageMs: this.#jwks.ageMs() },
      calloutBreakerOpen: this.#callout?.breakerOpen,
    };
  }

  start(): void {
    for (const part of this.#kept) part.start();
  }

  /** Reads the files again, fetches the keys again, forgets what the authorization service said. */
  reload(): void {
    for (const part of this.#kept) part.reload();
  }

  /** Whoever waits for an answer is refused; no socket and no timer is left. Idempotent. */
  stop(): void {
    this.revocations.stop();
    this.#staticTokens?.stop();
    this.#jwt?.stop();
    this.#callout?.close();
  }

  get #kept(): readonly Kept[] {
    return [this.#staticTokens, this.#jwt, this.#callout, this.revocations].filter(
      (part) => part !== undefined,
    );
  }
}

function jwtOf(
  { jwt, maxTokenSize, maxTokenLifetime }: Config['auth'],
  keys: VerificationKeys,
  clock: Clock,
): JwtTokens {
  return new JwtTokens({
    keys,
    algorithms: jwt.algorithms,
    issuer: jwt.issuer,
    audience: jwt.audience,
    clockToleranceMs: jwt.clockTolerance,
    subjectClaim: jwt.subjectClaim,
    classClaim: jwt.classClaim,
    permissionsClaim: jwt.permissionsClaim,
    maxTokenBytes: maxTokenSize,
    maxTokenLifetimeMs: maxTokenLifetime,
    clock,
  });
}

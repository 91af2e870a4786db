import { Authentication } from './auth/authentication.js';
import { AuthorizationCallout } from './auth/authorization-callout.js';
import { ClientClasses, type ClientClass } from './auth/client-classes.js';
import { FailedAttempts } from './auth/failed-attempts.js';
import { JwksKeys } from './auth/jwks-keys.js';
import { JwtTokens } from './auth/jwt-tokens.js';
import { KeyFile } from './auth/key-file.js';
import { Revocations } from './auth/revocations.js';
import { StaticTokens } from './auth/static-tokens.js';
import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import type { Logger } from './core/logger.js';
import type { AuthCounts } from './metrics/auth-counts.js';
import type { AuthLevels } from './metrics/metrics-sources.js';

type AuthConfig = Config['auth'];

export interface GatewayAuthOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: AuthCounts;
  /** Whoever came in as this subject may have to go: `authentication.isRevoked` tells of each. */
  readonly onRevoked: (subject: string) => void;
}

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
  constructor({ config, clock, logger, counts, onRevoked }: GatewayAuthOptions) {
    const { auth, node } = config;
    const { methods } = auth;
    const reloadIntervalMs = auth.reloadInterval;
    const classes = new ClientClasses(classesOf(auth));
    this.revocations = new Revocations({
      file: auth.revocation.file,
      max: auth.revocation.max,
      // The issuer's clock may be wrong when a token is issued and when it expires.
      maxTokenLifetimeMs: auth.maxTokenLifetime + 2 * auth.jwt.clockTolerance,
      counters: counts,
      onRevoked,
      reloadIntervalMs,
      clock,
      logger,
    });
    this.#failedAttempts =
      auth.failures.perSecond === 0 ? undefined : new FailedAttempts({ ...auth.failures, clock });
    this.#staticTokens = methods.includes('static')
      ? new StaticTokens({ file: auth.static.file, reloadIntervalMs, classes, onRevoked, clock, logger })
      : undefined;
    if (methods.includes('jwt')) {
      this.#jwks = auth.jwt.jwksUrl === '' ? undefined : jwksOf(auth.jwt, clock, logger);
      this.#jwt = jwtOf(auth, this.#jwks ?? keyFileOf(auth, clock, logger), clock);
    }
    this.#callout =
      auth.callout.url === ''
        ? undefined
        : new AuthorizationCallout({
            settings: calloutSettings(auth.callout),
            nodeId: node.id,
            counts: counts.callouts,
            reloadIntervalMs,
            clock,
            logger,
          });
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

/** In the configuration 0 stands for what holds for everybody. */
function classesOf({ classes }: AuthConfig): Readonly<Record<string, ClientClass>> {
  return Object.fromEntries(
    Object.entries(classes).map(([name, { permissions, ...limits }]) => {
      const own = Object.entries(limits).filter(([, limit]) => limit > 0);
      return [name, { permissions, ...Object.fromEntries(own) }];
    }),
  );
}

function jwksOf(jwt: AuthConfig['jwt'], clock: Clock, logger: Logger): JwksKeys {
  return new JwksKeys({
    url: jwt.jwksUrl,
    maxAgeMs: jwt.jwksMaxAge,
    cooldownMs: jwt.jwksCooldown,
    timeoutMs: jwt.jwksTimeout,
    clock,
    logger,
  });
}

function keyFileOf({ jwt, reloadInterval }: AuthConfig, clock: Clock, logger: Logger): KeyFile {
  return new KeyFile({
    file: jwt.keyFile,
    algorithms: jwt.algorithms,
    reloadIntervalMs: reloadInterval,
    clock,
    logger,
  });
}

function jwtOf(
  { jwt, maxTokenSize, maxTokenLifetime }: AuthConfig,
  keys: JwksKeys | KeyFile,
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

function calloutSettings(
  callout: AuthConfig['callout'],
): ConstructorParameters<typeof AuthorizationCallout>[0]['settings'] {
  return {
    url: callout.url,
    timeoutMs: callout.timeout,
    cacheMs: callout.cache,
    maxCached: callout.maxCached,
    maxConcurrent: callout.maxConcurrent,
    maxWaiting: callout.maxWaiting,
    secretFile: callout.secretFile,
    failOpen: callout.failOpen,
    breakerFailures: callout.breakerFailures,
    breakerPauseMs: callout.breakerPause,
  };
}

import { AuthorizationCallout } from './auth/authorization-callout.js';
import { ClientClasses, type ClientClass } from './auth/client-classes.js';
import { JwksKeys } from './auth/jwks-keys.js';
import { KeyFile } from './auth/key-file.js';
import { Revocations } from './auth/revocations.js';
import { StaticTokens } from './auth/static-tokens.js';
import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import type { Logger } from './core/logger.js';
import type { AuthCounts } from './metrics/auth-counts.js';

/*
 * The parts of `auth/` that read a file as they are built, as the configuration
 * says, each by itself: a start builds all of them, and a check tells of each
 * that can't be. All throw a StartError, one sentence that names the setting,
 * where a file (or an address) can't be used; none has a timer or a socket
 * before its `start()`.
 */

export interface GatewayAuthOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: AuthCounts;
  /** Whoever came in as this subject may have to go: `authentication.isRevoked` tells of each. */
  readonly onRevoked: (subject: string) => void;
}

/** In the configuration 0 stands for what holds for everybody. */
export function classesOf({ auth }: Config): ClientClasses {
  const classes = Object.entries(auth.classes).map(([name, { permissions, ...limits }]) => {
    const own = Object.entries(limits).filter(([, limit]) => limit > 0);
    return [name, { permissions, ...Object.fromEntries(own) }] satisfies [string, ClientClass];
  });
  return new ClientClasses(Object.fromEntries(classes));
}

export function revocationsOf({ config, clock, logger, counts, onRevoked }: GatewayAuthOptions): Revocations {
  const { revocation, maxTokenLifetime, jwt, reloadInterval } = config.auth;
  return new Revocations({
    file: revocation.file,
    max: revocation.max,
    // The issuer's clock may be wrong when a token is issued and when it expires.
    maxTokenLifetimeMs: maxTokenLifetime + 2 * jwt.clockTolerance,
    counters: counts,
    onRevoked,
    reloadIntervalMs: reloadInterval,
    clock,
    logger,
  });
}

/** Undefined where `static` is no method. */
export function staticTokensOf(
  { config, clock, logger, onRevoked }: GatewayAuthOptions,
  classes: ClientClasses,
): StaticTokens | undefined {
  const { methods, reloadInterval: reloadIntervalMs, static: tokens } = config.auth;
  return methods.includes('static')
    ? new StaticTokens({ file: tokens.file, reloadIntervalMs, classes, onRevoked, clock, logger })
    : undefined;
}

/** What signed tokens are checked with; undefined where `jwt` is no method. */
export function tokenKeysOf({ config, clock, logger }: GatewayAuthOptions): JwksKeys | KeyFile | undefined {
  const { methods, jwt, reloadInterval } = config.auth;
  if (!methods.includes('jwt')) return undefined;
  if (jwt.jwksUrl === '') {
    return new KeyFile({
      file: jwt.keyFile,
      algorithms: jwt.algorithms,
      reloadIntervalMs: reloadInterval,
      clock,
      logger,
    });
  }
  return new JwksKeys({
    url: jwt.jwksUrl,
    maxAgeMs: jwt.jwksMaxAge,
    cooldownMs: jwt.jwksCooldown,
    timeoutMs: jwt.jwksTimeout,
    clock,
    logger,
  });
}

/** Undefined where no service is asked. */
export function calloutOf({
  config,
  clock,
  logger,
  counts,
}: GatewayAuthOptions): AuthorizationCallout | undefined {
  const { callout, reloadInterval } = config.auth;
  if (callout.url === '') return undefined;
  return new AuthorizationCallout({
    settings: {
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
    },
    nodeId: config.node.id,
    counts: counts.callouts,
    reloadIntervalMs: reloadInterval,
    clock,
    logger,
  });
}

import { timingSafeEqual } from 'node:crypto';
import { tally } from '../core/counters.js';
import type { Credentials } from '../core/credentials.js';
import { SluiceError } from '../core/errors.js';
import type { Action, Identity } from '../core/identity.js';
import { ANONYMOUS_PREFIX, anonymousCaller } from './anonymous.js';
import type { AttemptMethod, AttemptResult } from './auth-counters.js';
import type { AuthenticationOptions, OpenRequest } from './authentication-parts.js';
import type { CalloutAnswer } from './callout-answer.js';
import { certificateCaller } from './certificate-identity.js';
import { CallerIdentity, type Caller } from './client-classes.js';
import { permissionMissing } from '../core/permission.js';
import type { VerifiedToken } from './verified-token.js';

/** An attempt to come in, while it is under way. */
interface Attempt {
  method: AttemptMethod;
  readonly peer: string;
}

/**
 * Who comes in and what they may open: a token, the client certificate, or
 * nothing at all, in this order. What was shown and does not hold is refused,
 * never passed on to a weaker method. What is not known is a no.
 */
export class Authentication {
  readonly takesTokens: boolean;
  readonly #options: AuthenticationOptions;
  /** Anonymous clients get IDs that nobody who proves theirs can have. */
  readonly #anonymousApart: boolean;

  constructor(options: AuthenticationOptions) {
    const { staticTokens, jwt, certificate, anonymous } = options;
    this.#options = options;
    this.takesTokens = staticTokens !== undefined || jwt !== undefined;
    this.#anonymousApart = anonymous && (this.takesTokens || certificate !== undefined);
  }

  /**
   * Undefined: they showed nothing, and may yet, by an Authenticate. Fails with
   * UNAUTHENTICATED, TOKEN_EXPIRED, PERMISSION_DENIED, AUTH_UNAVAILABLE,
   * RATE_LIMITED (too many attempts of that address have failed), or
   * INVALID_MESSAGE for a claimed ID that can't be one.
   */
  identify(credentials: Credentials, signal: AbortSignal): Identity | undefined | Promise<Identity> {
    if (this.#canFail(credentials)) this.#requirePatience(credentials.peer);
    const attempt: Attempt = { method: 'none', peer: credentials.peer };
    try {
      const caller = this.#callerOf(credentials, attempt);
      if (caller === undefined) return undefined;
      const identity =
        caller instanceof Promise
          ? caller.then((known) => this.#admit(known, attempt.peer, signal))
          : this.#admit(caller, attempt.peer, signal);
      if (!(identity instanceof Promise)) return this.#succeeded(attempt, identity);
      return identity.then(
        (known) => this.#succeeded(attempt, known),
        (error: unknown) => this.#failed(attempt, error, signal),
      );
    } catch (error) {
      return this.#failed(attempt, error, signal);
    }
  }

  /** Undefined when they may. Fails with PERMISSION_DENIED or AUTH_UNAVAILABLE. */
  mayOpen(
    question: OpenRequest & { readonly identity: Identity; readonly named: boolean; readonly peer: string },
    signal: AbortSignal,
  ): undefined | Promise<void> {
    const { identity, action = 'open', route, subject, peer } = question;
    const { callout, counters } = this.#options;
    if (!identity.allows(action, route, subject)) {
      tally(counters.denied, action);
      throw permissionMissing(action, question);
    }
    if (callout === undefined) return undefined;
    try {
      const answer = callout.open(identity, question, peer, signal);
      return answer?.catch((error: unknown) => this.#denied(action, error));
    } catch (error) {
      return this.#denied(action, error);
    }
  }

  /** They came, showed nothing, and were sent away. */
  showedNothing(peer: string): void {
    tally(this.#options.counters.attempts.none, 'UNAUTHENTICATED');
    this.#options.failedAttempts?.charge(peer);
  }

  /** Whether what somebody came in with has been revoked since: asked of the living connections of a revoked subject. */
  isRevoked(identity: Identity): boolean {
    const { staticTokens, revocations } = this.#options;
    const { issuedAtMs, tokenHash } = identity instanceof CallerIdentity ? identity : NOTHING_MORE;
    if (tokenHash !== undefined && staticTokens?.holds(tokenHash) === false) return true;
    return revocations.refuses(identity.clientId, issuedAtMs);
  }

  /**
   * Whether trying again and again may lead somewhere, or cost somebody else something. A certificate was judged
   * by TLS, and whoever needs nothing guesses nothing: they don't suffer for others of their address.
   */
  #canFail({ token, certificate }: Credentials): boolean {
    const { anonymous, callout, certificate: certificates } = this.#options;
    if (callout !== undefined || (token !== undefined && this.takesTokens)) return true;
    return !anonymous && (certificate === undefined || certificates === undefined);
  }

  #requirePatience(peer: string): void {
    const { failedAttempts, counters } = this.#options;
    const retryAfterMs = failedAttempts?.waitMs(peer) ?? 0;
    if (failedAttempts === undefined || retryAfterMs === 0) return;
    counters.attemptsSlowed += 1;
    throw new SluiceError(
      'RATE_LIMITED',
      `too many attempts to come in from this address have failed (${failedAttempts.limitsText})`,
      { retryAfterMs },
    );
  }

  #callerOf(credentials: Credentials, attempt: Attempt): Caller | undefined | Promise<Caller> {
    const { certificate: certificateOptions, anonymous, clock } = this.#options;
    const { token, certificate, claimedId } = credentials;
    if (token !== undefined && this.takesTokens) return this.#tokenCaller(token, credentials, attempt);
    if (certificate !== undefined && certificateOptions !== undefined) {
      attempt.method = 'certificate';
      return certificateCaller(certificate, certificateOptions, clock.wallNow());
    }
    if (anonymous) {
      attempt.method = 'anonymous';
      return anonymousCaller(claimedId, this.#anonymousApart);
    }
    if (this.takesTokens) return undefined;
    throw unauthenticated('a client certificate is needed, and none was shown');
  }

  #tokenCaller(token: string, credentials: Credentials, attempt: Attempt): Caller | Promise<Caller> {
    const { staticTokens, jwt, maxTokenBytes } = this.#options;
    attempt.method = staticTokens === undefined ? 'jwt' : 'static';
    // The length in characters first: that of bytes takes a look at each.
    if (token.length > maxTokenBytes || Buffer.byteLength(token) > maxTokenBytes) {
      throw unauthenticated(`the token is longer than ${maxTokenBytes} bytes (auth.maxTokenSize)`);
    }
    const known = staticTokens?.callerOf(token);
    if (known !== undefined) return known;
    if (jwt?.looksLike(token) !== true) {
      throw unauthenticated(
        jwt === undefined ? 'the token is not known' : 'the token is not one that is known, nor a JWT',
      );
    }
    attempt.method = 'jwt';
    return jwt.verify(token).then((verified) => {
      requireCertificate(verified, credentials);
      return {
        clientId: verified.subject,
        method: 'jwt',
        clientClass: verified.clientClass,
        permissions: verified.permissions,
        issuedAtMs: verified.issuedAtMs,
        expiresAtMs: verified.expiresAtMs,
      };
    });
  }

  #admit(caller: Caller, peer: string, signal: AbortSignal): Identity | Promise<Identity> {
    const { classes, callout } = this.#options;
    if (
      this.#anonymousApart &&
      caller.method !== 'anonymous' &&
      caller.clientId.startsWith(ANONYMOUS_PREFIX)
    ) {
      throw unauthenticated(
        `the subject begins with "${ANONYMOUS_PREFIX}", as those of anonymous clients do`,
      );
    }
    const identity = classes.identityOf(caller);
    if (callout === undefined) return this.#unlessRevoked(identity);
    const answer = callout.connect(identity, peer, signal);
    return answer instanceof Promise
      ? answer.then((given) => this.#narrowed(caller, identity, given))
      : this.#narrowed(caller, identity, answer);
  }

  /** As the service answered: its class comes with that class's permissions, unless it lists some itself. */
  #narrowed(caller: Caller, identity: CallerIdentity, answer: CalloutAnswer): Identity {
    const { allow, reason, clientClass, permissions, expiresAtMs } = answer;
    if (!allow) {
      throw new SluiceError('PERMISSION_DENIED', reason ?? 'the authorization service does not allow it', {
        clientId: identity.clientId,
      });
    }
    if (clientClass === undefined && permissions === undefined && expiresAtMs === undefined) {
      return this.#unlessRevoked(identity);
    }
    return this.#unlessRevoked(
      this.#identityAsAnswered({
        ...caller,
        clientClass: clientClass ?? caller.clientClass,
        permissions: permissions ?? (clientClass === undefined ? caller.permissions : undefined),
        expiresAtMs: sooner(caller.expiresAtMs, expiresAtMs),
      }),
    );
  }

  #identityAsAnswered(caller: Caller): CallerIdentity {
    try {
      return this.#options.classes.identityOf(caller);
    } catch (cause) {
      // The service's mistake, not the client's.
      const message =
        'the authorization service answered with a class or permissions that are not known here';
      throw new SluiceError('AUTH_UNAVAILABLE', message, { cause });
    }
  }

  /** The last step, at once with the answer: a revocation during the steps before is not missed. */
  #unlessRevoked(identity: CallerIdentity): Identity {
    if (this.isRevoked(identity)) {
      const { clientId } = identity;
      throw new SluiceError('UNAUTHENTICATED', 'this client has been revoked', { clientId });
    }
    return identity;
  }

  #succeeded(attempt: Attempt, identity: Identity): Identity {
    tally(this.#options.counters.attempts[attempt.method], 'ok');
    return identity;
  }

  #failed({ method, peer }: Attempt, error: unknown, signal: AbortSignal): never {
    const result = resultOf(error, signal);
    if (result !== undefined) {
      tally(this.#options.counters.attempts[method], result);
      if (result !== 'AUTH_UNAVAILABLE') this.#options.failedAttempts?.charge(peer);
    }
    throw error;
  }

  #denied(action: Action, error: unknown): never {
    if (error instanceof SluiceError && error.code === 'PERMISSION_DENIED') {
      tally(this.#options.counters.denied, action);
    }
    throw error;
  }
}

const NOTHING_MORE = { issuedAtMs: undefined, tokenHash: undefined } as const;

/** What to count; undefined for what says nothing about who is calling. */
function resultOf(error: unknown, signal: AbortSignal): AttemptResult | undefined {
  if (!(error instanceof SluiceError)) {
    // Whoever asked is gone, and nobody was found out. Else: a fault of the gateway.
    return signal.aborted ? undefined : 'AUTH_UNAVAILABLE';
  }
  switch (error.code) {
    case 'UNAUTHENTICATED':
    case 'TOKEN_EXPIRED':
    case 'PERMISSION_DENIED':
    case 'AUTH_UNAVAILABLE':
      return error.code;
    default:
      return undefined;
  }
}

/** RFC 8705 section 3: a token that is bound to a certificate is good with that one only. */
function requireCertificate({ thumbprint }: VerifiedToken, { certificate }: Credentials): void {
  if (thumbprint === undefined) return;
  const expected = Buffer.from(thumbprint);
  const shown = Buffer.from(certificate?.thumbprint ?? '');
  if (expected.length === shown.length && timingSafeEqual(expected, shown)) return;
  throw unauthenticated(
    'the token is bound to a client certificate (claim "cnf"), and was not shown with that one',
  );
}

function sooner(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function unauthenticated(message: string): SluiceError {
  return new SluiceError('UNAUTHENTICATED', message);
}

import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import type { AuthCounters } from '../../../src/auth/auth-counters.js';
import type {
  AuthenticationOptions,
  Callout,
  TokenVerifier,
} from '../../../src/auth/authentication-parts.js';
import { Authentication } from '../../../src/auth/authentication.js';
import type { AuthorizationCallout } from '../../../src/auth/authorization-callout.js';
import { ClientClasses } from '../../../src/auth/client-classes.js';
import { FailedAttempts } from '../../../src/auth/failed-attempts.js';
import type { JwtTokens } from '../../../src/auth/jwt-tokens.js';
import { Revocations } from '../../../src/auth/revocations.js';
import { StaticTokens } from '../../../src/auth/static-tokens.js';
import type { VerifiedToken } from '../../../src/auth/verified-token.js';
import type { ClientCertificate, Credentials } from '../../../src/core/credentials.js';
import { SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import type { Gatekeeper, OpenQuestion } from '../../../src/server/gatekeeper.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { TemporaryFile } from '../../helpers/temporary-file.js';

const STATIC = 'a static token';
const NOON = Date.UTC(2024, 0, 1, 12);
const PEER = '192.0.2.1:5000';
const classes = new ClientClasses({
  default: { permissions: ['open:chat', 'publish:chat/{client}'] },
  gold: { permissions: ['*'], maxSessions: 7 },
});
const certificate: ClientCertificate = {
  commonName: 'cert-holder',
  dnsNames: [],
  uris: [],
  expiresAtMs: NOON + 60_000,
  thumbprint: 'its-thumbprint',
};

function newCounters(): AuthCounters {
  return {
    attempts: {
      static: new Map(),
      jwt: new Map(),
      certificate: new Map(),
      anonymous: new Map(),
      none: new Map(),
    },
    attemptsSlowed: 0,
    denied: new Map(),
    revocationsMade: 0,
  };
}

/** Takes tokens of the form `jwt.subject`, as if they were verified. */
class Verifier implements TokenVerifier {
  readonly says: Partial<VerifiedToken>;
  verified = 0;

  constructor(says: Partial<VerifiedToken> = {}) {
    this.says = says;
  }

  looksLike(token: string): boolean {
    return token.startsWith('jwt.');
  }

  verify(token: string): Promise<VerifiedToken> {
    this.verified += 1;
    const subject = token.slice(4);
    if (subject === 'forged') return Promise.reject(new SluiceError('UNAUTHENTICATED', 'forged'));
    if (subject === 'expired') return Promise.reject(new SluiceError('TOKEN_EXPIRED', 'expired'));
    if (subject === 'unknowable') return Promise.reject(new SluiceError('AUTH_UNAVAILABLE', 'no keys'));
    if (subject === 'fault') return Promise.reject(new TypeError('a bug'));
    return Promise.resolve({
      subject,
      clientClass: undefined,
      permissions: undefined,
      issuedAtMs: NOON,
      expiresAtMs: NOON + 60_000,
      thumbprint: undefined,
      ...this.says,
    });
  }
}

interface World {
  readonly gate: Authentication;
  readonly clock: FakeClock;
  readonly counters: AuthCounters;
  readonly revocations: Revocations;
  readonly staticFile: TemporaryFile;
  readonly staticTokens: StaticTokens;
  readonly staticRevoked: string[];
}

type Methods = 'static' | 'jwt' | 'certificate' | 'anonymous';

function world(methods: readonly Methods[], options: Partial<AuthenticationOptions> = {}): World {
  const clock = new FakeClock({ wallStartMs: NOON });
  const logger = new RecordingLogger();
  const counters = newCounters();
  const sha256 = createHash('sha256').update(STATIC).digest('hex');
  const staticFile = new TemporaryFile(JSON.stringify({ tokens: [{ sha256, subject: 'static-holder' }] }));
  onTestFinished(() => {
    staticFile[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
  const staticRevoked: string[] = [];
  const staticTokens = new StaticTokens({
    file: staticFile.path,
    reloadIntervalMs: 0,
    classes,
    onRevoked: (subject) => staticRevoked.push(subject),
    clock,
    logger,
  });
  const revocations = new Revocations({
    file: '',
    reloadIntervalMs: 0,
    max: 10,
    maxTokenLifetimeMs: 3_600_000,
    onRevoked: () => undefined,
    counters,
    clock,
    logger,
  });
  const gate = new Authentication({
    ...(methods.includes('static') ? { staticTokens } : {}),
    ...(methods.includes('jwt') ? { jwt: new Verifier() } : {}),
    ...(methods.includes('certificate') ? { certificate: { identity: 'commonName', trustDomain: '' } } : {}),
    anonymous: methods.includes('anonymous'),
    classes,
    failedAttempts: new FailedAttempts({ clock, burst: 3, perSecond: 1, maxAddresses: 10 }),
    revocations,
    maxTokenBytes: 64,
    counters,
    clock,
    ...options,
  });
  return { gate, clock, counters, revocations, staticFile, staticTokens, staticRevoked };
}

const signal = new AbortController().signal;

async function come(gate: Authentication, shown: Partial<Credentials> = {}): Promise<Identity | undefined> {
  return gate.identify(
    { token: undefined, certificate: undefined, claimedId: undefined, peer: PEER, ...shown },
    signal,
  );
}

/** `CODE message` of the refusal. */
async function refusal(gate: Authentication, shown: Partial<Credentials> = {}): Promise<string> {
  try {
    await come(gate, shown);
  } catch (error) {
    if (error instanceof SluiceError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('they came in');
}

async function nameOf(gate: Authentication, shown: Partial<Credentials> = {}): Promise<string> {
  const identity = await come(gate, shown);
  return identity === undefined ? 'nobody yet' : `${identity.method} ${identity.clientId}`;
}

function question(identity: Identity, parts: Partial<OpenQuestion> = {}): OpenQuestion {
  return { identity, sessionId: 's', route: 'chat', subject: '', named: true, peer: PEER, ...parts };
}

it('is the gatekeeper of the server, and its parts are what it asks for', () => {
  const gatekeeper: Gatekeeper = world(['anonymous']).gate;
  expect(gatekeeper.takesTokens).toBe(false);
  const parts = (jwt: JwtTokens, callout: AuthorizationCallout): Partial<AuthenticationOptions> => ({
    jwt,
    callout,
  });
  expect(parts).toBeTypeOf('function');
});

describe('the order of the methods', () => {
  const everything = { token: STATIC, certificate, claimedId: 'claimed' };
  const all: Methods[] = ['static', 'jwt', 'certificate', 'anonymous'];

  test.each<[Methods[], Partial<Credentials>, string]>([
    [all, everything, 'static static-holder'],
    [all, { ...everything, token: 'jwt.ann' }, 'jwt ann'],
    [all, { certificate, claimedId: 'claimed' }, 'certificate cert-holder'],
    [all, { claimedId: 'claimed' }, 'anonymous anonymous:claimed'],
    [['anonymous'], everything, 'anonymous claimed'],
    [['certificate'], everything, 'certificate cert-holder'],
    [['certificate', 'anonymous'], { token: STATIC, claimedId: 'c' }, 'anonymous anonymous:c'],
    [['jwt', 'anonymous'], { certificate, claimedId: 'c' }, 'anonymous anonymous:c'],
    [['static'], { certificate, claimedId: 'c' }, 'nobody yet'],
    [['jwt', 'certificate'], {}, 'nobody yet'],
    // What a token says counts, whatever else is claimed.
    [['jwt'], { token: 'jwt.ann', claimedId: '\n' }, 'jwt ann'],
  ])('%j', async (methods, shown, expected) => {
    expect(await nameOf(world(methods).gate, shown)).toBe(expected);
  });

  test.each<[Methods[], Partial<Credentials>, string]>([
    [all, { ...everything, token: 'wrong' }, 'UNAUTHENTICATED the token is not one that is known, nor a JWT'],
    [all, { ...everything, token: 'jwt.forged' }, 'UNAUTHENTICATED forged'],
    [all, { ...everything, token: '' }, 'UNAUTHENTICATED the token is not one that is known, nor a JWT'],
    [['static', 'anonymous'], { token: 'jwt.ann' }, 'UNAUTHENTICATED the token is not known'],
    [
      all,
      { certificate: { ...certificate, commonName: '' }, claimedId: 'c' },
      'UNAUTHENTICATED the client certificate has no common name',
    ],
    [
      ['certificate', 'anonymous'],
      { certificate: { ...certificate, expiresAtMs: NOON } },
      'TOKEN_EXPIRED the client certificate expired at 2024-01-01T12:00:00.000Z',
    ],
    [
      ['certificate'],
      { token: STATIC },
      'UNAUTHENTICATED a client certificate is needed, and none was shown',
    ],
    [
      ['jwt', 'anonymous'],
      { token: 'jwt.anonymous:ann' },
      'UNAUTHENTICATED the subject begins with "anonymous:", as those of anonymous clients do',
    ],
    [
      ['certificate', 'anonymous'],
      { certificate: { ...certificate, commonName: 'anonymous:ann' } },
      'UNAUTHENTICATED the subject begins with "anonymous:", as those of anonymous clients do',
    ],
    [
      ['static'],
      { token: 'x'.repeat(65) },
      'UNAUTHENTICATED the token is longer than 64 bytes (auth.maxTokenSize)',
    ],
    [
      ['static'],
      { token: 'é'.repeat(33) },
      'UNAUTHENTICATED the token is longer than 64 bytes (auth.maxTokenSize)',
    ],
  ])('%j refuses what does not hold, %#', async (methods, shown, expected) => {
    expect(await refusal(world(methods).gate, shown)).toBe(expected);
  });

  it('is at once where nobody else has to be asked', () => {
    const { gate } = world(all);
    const shown = { token: undefined, certificate: undefined, claimedId: undefined, peer: PEER };
    for (const more of [{}, { token: STATIC }, { certificate }]) {
      expect(gate.identify({ ...shown, ...more }, signal)).not.toBeInstanceOf(Promise);
    }
  });
});

describe('what somebody may do', () => {
  it('is what their class may, or what their own token says', async () => {
    const plain = await come(world(['jwt']).gate, { token: 'jwt.ann' });
    expect(plain).toMatchObject({ clientClass: 'default', limits: {}, expiresAtMs: NOON + 60_000 });
    expect(plain?.allows('publish', 'chat', 'ann')).toBe(true);
    expect(plain?.allows('publish', 'chat', 'bob')).toBe(false);
    const jwt = new Verifier({ clientClass: 'gold', permissions: ['open:x'] });
    const own = await come(world([], { jwt }).gate, { token: 'jwt.ann' });
    expect(own).toMatchObject({ clientClass: 'gold', limits: { maxSessions: 7 } });
    expect(own?.allows('open', 'x', '')).toBe(true);
    expect(own?.allows('open', 'chat', '')).toBe(false);
    const none = new Verifier({ clientClass: 'gold', permissions: [] });
    const nothing = await come(world([], { jwt: none }).gate, { token: 'jwt.ann' });
    expect(nothing?.allows('open', 'chat', '')).toBe(false);
  });

  it('is nothing where there is no class default', async () => {
    const bare = new ClientClasses({ gold: { permissions: ['*'] } });
    const identity = await come(world(['anonymous'], { classes: bare }).gate);
    expect(identity?.allows('open', 'chat', '')).toBe(false);
  });

  test.each(['silver', '__proto__', 'constructor'])(
    'is not for the class %s, which is none',
    async (name) => {
      const jwt = new Verifier({ clientClass: name });
      expect(await refusal(world([], { jwt }).gate, { token: 'jwt.ann' })).toBe(
        'UNAUTHENTICATED the class of the client is not one of auth.classes',
      );
    },
  );

  it('is asked at each open, and counted where it is missing', async () => {
    const { gate, counters } = world(['jwt']);
    const identity = await come(gate, { token: 'jwt.ann' });
    if (identity === undefined) throw new Error('nobody');
    expect(gate.mayOpen(question(identity), signal)).toBeUndefined();
    expect(() => gate.mayOpen(question(identity, { route: 'x', subject: 'y' }), signal)).toThrow(
      new SluiceError('PERMISSION_DENIED', 'permission open:x/y is missing'),
    );
    expect(() => gate.mayOpen(question(identity, { route: 'x', named: false }), signal)).toThrow(
      new SluiceError(
        'PERMISSION_DENIED',
        'permission to open the default route is missing (no subject was named)',
      ),
    );
    expect(counters.denied).toEqual(new Map([['open', 2]]));
  });
});

describe('a token that is bound to a certificate', () => {
  const jwt = new Verifier({ thumbprint: 'its-thumbprint' });
  const refused =
    'UNAUTHENTICATED the token is bound to a client certificate (claim "cnf"), and was not shown with that one';

  it('comes in with that one, also where certificates are no method', async () => {
    expect(await nameOf(world([], { jwt }).gate, { token: 'jwt.ann', certificate })).toBe('jwt ann');
  });

  test.each([
    undefined,
    { ...certificate, thumbprint: '' },
    { ...certificate, thumbprint: 'its-thumbprinT' },
    { ...certificate, thumbprint: 'its-thumbprint ' },
  ])('and with no other, %#', async (other) => {
    expect(await refusal(world([], { jwt }).gate, { token: 'jwt.ann', certificate: other })).toBe(refused);
  });
});

describe('failed attempts', () => {
  it('are counted, charged to their address, and slowed before anything is verified', async () => {
    const jwt = new Verifier();
    const { gate, counters, clock } = world(['static', 'certificate'], { jwt });
    await refusal(gate, { token: 'jwt.forged' });
    await refusal(gate, { token: 'jwt.expired' });
    await refusal(gate, { token: 'wrong' });
    const slowed = gate.identify.bind(gate, {
      token: 'jwt.ann',
      certificate: undefined,
      claimedId: undefined,
      peer: '192.0.2.1:9',
    });
    expect(() => slowed(signal)).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 1_000 }),
    );
    expect(jwt.verified).toBe(2);
    expect(counters.attemptsSlowed).toBe(1);
    expect(await nameOf(gate, { token: 'jwt.ann', peer: '192.0.2.2:1' })).toBe('jwt ann');
    clock.advance(1_000);
    expect(await nameOf(gate, { token: 'jwt.ann' })).toBe('jwt ann');
    expect(counters.attempts).toEqual({
      static: new Map([['UNAUTHENTICATED', 1]]),
      jwt: new Map([
        ['UNAUTHENTICATED', 1],
        ['TOKEN_EXPIRED', 1],
        ['ok', 2],
      ]),
      certificate: new Map(),
      anonymous: new Map(),
      none: new Map(),
    });
  });

  it('are not those that come in, that nobody could judge, or that have shown nothing yet', async () => {
    const { gate, counters } = world(['jwt']);
    for (let n = 0; n < 10; n += 1) {
      await come(gate, { token: 'jwt.ann' });
      await come(gate);
      expect(await refusal(gate, { token: 'jwt.unknowable' })).toBe('AUTH_UNAVAILABLE no keys');
      await expect(come(gate, { token: 'jwt.fault' })).rejects.toThrow('a bug');
    }
    expect(counters.attempts.jwt).toEqual(
      new Map([
        ['ok', 10],
        ['AUTH_UNAVAILABLE', 20],
      ]),
    );
    expect(counters.attempts.none.size).toBe(0);
  });

  it('are those that showed nothing until they were sent away', async () => {
    const { gate, counters } = world(['jwt']);
    for (let n = 0; n < 3; n += 1) gate.showedNothing(PEER);
    expect(await refusal(gate)).toMatch(/^RATE_LIMITED/);
    expect(counters.attempts.none).toEqual(new Map([['UNAUTHENTICATED', 3]]));
  });

  it('slow nobody of their address who guesses nothing: a certificate that TLS has judged, anonymous clients', async () => {
    const { gate } = world(['static', 'certificate', 'anonymous']);
    for (let n = 0; n < 3; n += 1) await refusal(gate, { token: 'wrong' });
    expect(await refusal(gate, { token: STATIC })).toMatch(/^RATE_LIMITED/);
    expect(await nameOf(gate, { certificate })).toMatch(/^certificate/);
    expect(await nameOf(gate, { claimedId: 'x' })).toBe('anonymous anonymous:x');
  });

  it('are not IDs that can not be one', async () => {
    const { gate, counters } = world(['anonymous']);
    for (let n = 0; n < 5; n += 1)
      expect(await refusal(gate, { claimedId: '\n' })).toMatch(/^INVALID_MESSAGE/);
    expect(counters.attempts.anonymous.size).toBe(0);
  });

  it('are counted and never slowed where that is off', async () => {
    const { gate, counters } = world(['static'], { failedAttempts: undefined });
    for (let n = 0; n < 100; n += 1) expect(await refusal(gate, { token: 'wrong' })).toMatch(/^UNAUTH/);
    gate.showedNothing(PEER);
    expect(counters.attempts.static.get('UNAUTHENTICATED')).toBe(100);
  });
});

describe('somebody who was thrown out', () => {
  it('does not come in by any method', async () => {
    const { gate, revocations, counters } = world(['static', 'jwt', 'certificate', 'anonymous']);
    for (const subject of ['static-holder', 'ann', 'cert-holder', 'anonymous:x']) revocations.revoke(subject);
    let n = 0;
    for (const shown of [{ token: STATIC }, { token: 'jwt.ann' }, { certificate }, { claimedId: 'x' }]) {
      n += 1;
      expect(await refusal(gate, { ...shown, peer: `192.0.2.${n}:1` })).toBe(
        'UNAUTHENTICATED this client has been revoked',
      );
    }
    expect(counters.attempts.jwt).toEqual(new Map([['UNAUTHENTICATED', 1]]));
  });

  it('comes in with a token of later', async () => {
    const { gate, revocations } = world([], { jwt: new Verifier({ issuedAtMs: NOON + 1_000 }) });
    revocations.revoke('ann');
    expect(await nameOf(gate, { token: 'jwt.ann' })).toBe('jwt ann');
  });

  it('while they were being looked at does not come in', async () => {
    const { gate, revocations } = world(['jwt']);
    const coming = refusal(gate, { token: 'jwt.ann' });
    revocations.revoke('ann');
    expect(await coming).toBe('UNAUTHENTICATED this client has been revoked');
  });

  it('is known by what they came in with', async () => {
    const { gate, revocations } = world(['jwt']);
    const before = await come(gate, { token: 'jwt.ann' });
    if (before === undefined) throw new Error('nobody');
    expect(gate.isRevoked(before)).toBe(false);
    revocations.revoke('ann', { issuedBeforeMs: NOON - 1 });
    expect(gate.isRevoked(before)).toBe(false);
    revocations.revoke('ann');
    expect(gate.isRevoked(before)).toBe(true);
  });

  it('of the file of tokens is revoked with the token they came with, whatever others they have', async () => {
    const { gate, staticFile, staticTokens, staticRevoked } = world(['static']);
    const identity = await come(gate, { token: STATIC });
    if (identity === undefined) throw new Error('nobody');
    const sha256 = createHash('sha256').update('their other token').digest('hex');
    expect(gate.isRevoked(identity)).toBe(false);
    staticFile.write(JSON.stringify({ tokens: [{ sha256, subject: 'static-holder' }] }));
    staticTokens.reload();
    expect(staticRevoked).toEqual(['static-holder']);
    expect(gate.isRevoked(identity)).toBe(true);
  });
});

describe('a callout', () => {
  function callout(parts: Partial<Callout>): { callout: Callout } {
    return { callout: { connect: () => ({ allow: true }), open: () => undefined, ...parts } };
  }

  it('is asked after the gateway has said yes, and its no is a no', async () => {
    const asked: string[] = [];
    const connect = ({ clientId }: Identity): { allow: boolean; reason?: string } => {
      asked.push(clientId);
      return clientId === 'bob' ? { allow: false, reason: 'not today' } : { allow: clientId !== 'cid' };
    };
    const { gate, counters } = world(['jwt'], callout({ connect }));
    expect(await nameOf(gate, { token: 'jwt.ann' })).toBe('jwt ann');
    expect(await refusal(gate, { token: 'jwt.forged' })).toBe('UNAUTHENTICATED forged');
    expect(await refusal(gate, { token: 'jwt.bob' })).toBe('PERMISSION_DENIED not today');
    expect(await refusal(gate, { token: 'jwt.cid' })).toBe(
      'PERMISSION_DENIED the authorization service does not allow it',
    );
    expect(asked).toEqual(['ann', 'bob', 'cid']);
    expect(counters.attempts.jwt.get('PERMISSION_DENIED')).toBe(2);
    expect(await refusal(gate)).toMatch(/^RATE_LIMITED/);
  });

  it('answers at once or later, and a revocation meanwhile is not missed', async () => {
    let answer = (): void => undefined;
    const connect = (): Promise<{ allow: boolean }> =>
      new Promise((resolve) => {
        answer = () => {
          resolve({ allow: true });
        };
      });
    const { gate, revocations } = world(['anonymous'], callout({ connect }));
    const first = nameOf(gate, { claimedId: 'ann' });
    answer();
    expect(await first).toBe('anonymous ann');
    const second = refusal(gate, { claimedId: 'ann' });
    revocations.revoke('ann');
    answer();
    expect(await second).toBe('UNAUTHENTICATED this client has been revoked');
  });

  it('says what somebody may do, and until when', async () => {
    const says = async (
      answer: object,
      token: Partial<VerifiedToken> = {},
    ): Promise<{ class: string | undefined; x: boolean; chat: boolean; expiresAtMs: number | undefined }> => {
      const options = callout({ connect: () => ({ allow: true, ...answer }) });
      const identity = await come(world([], { jwt: new Verifier(token), ...options }).gate, {
        token: 'jwt.ann',
      });
      return {
        class: identity?.clientClass,
        x: identity?.allows('open', 'x', '') ?? false,
        chat: identity?.allows('open', 'chat', '') ?? false,
        expiresAtMs: identity?.expiresAtMs,
      };
    };
    const end = NOON + 60_000;
    expect(await says({})).toEqual({ class: 'default', x: false, chat: true, expiresAtMs: end });
    expect(await says({ permissions: ['open:x'] })).toEqual({
      class: 'default',
      x: true,
      chat: false,
      expiresAtMs: end,
    });
    // The class of the answer comes with its own permissions.
    expect(await says({ clientClass: 'default' }, { clientClass: 'gold', permissions: ['open:x'] })).toEqual({
      class: 'default',
      x: false,
      chat: true,
      expiresAtMs: end,
    });
    expect((await says({ expiresAtMs: end - 1 })).expiresAtMs).toBe(end - 1);
    expect((await says({ expiresAtMs: end + 1 })).expiresAtMs).toBe(end);
  });

  it('that names what is not known here is at fault itself', async () => {
    for (const answer of [{ clientClass: 'silver' }, { permissions: ['nonsense'] }]) {
      const { gate } = world(['anonymous'], callout({ connect: () => ({ allow: true, ...answer }) }));
      for (let n = 0; n < 5; n += 1)
        expect(await refusal(gate)).toMatch(/^AUTH_UNAVAILABLE the authorization/);
    }
  });

  it('whose client is gone says nothing about that client', async () => {
    const leaving = new AbortController();
    let isAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const connect = (_: Identity, __: string, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        isAsked();
        signal.addEventListener(
          'abort',
          () => {
            reject(signal.reason as Error);
          },
          { once: true },
        );
      });
    const { gate, counters } = world(['jwt'], callout({ connect }));
    const shown = { certificate: undefined, claimedId: undefined, peer: PEER };
    const coming = gate.identify({ ...shown, token: 'jwt.ann' }, leaving.signal);
    await asked;
    leaving.abort(new Error('gone'));
    await expect(coming).rejects.toThrow('gone');
    expect(counters.attempts.jwt.size).toBe(0);
    // Whoever leaves while their forged token is looked at was still an attempt.
    await expect(gate.identify({ ...shown, token: 'jwt.forged' }, leaving.signal)).rejects.toThrow('forged');
    expect(counters.attempts.jwt.get('UNAUTHENTICATED')).toBe(1);
  });

  it('is asked at each open that the gateway would allow', async () => {
    const asked: unknown[] = [];
    const answers = [
      () => undefined,
      () => Promise.resolve(),
      () => Promise.reject(new SluiceError('PERMISSION_DENIED', 'no')),
      () => {
        throw new SluiceError('PERMISSION_DENIED', 'no, at once');
      },
      () => Promise.reject(new SluiceError('AUTH_UNAVAILABLE', 'away')),
    ];
    const { gate, counters } = world(
      ['anonymous'],
      callout({
        open: (_, { route, subject, sessionId }, peer) => {
          asked.push({ route, subject, sessionId, peer });
          return answers.shift()?.();
        },
      }),
    );
    const identity = await come(gate);
    if (identity === undefined) throw new Error('nobody');
    const ask = (): undefined | Promise<void> => gate.mayOpen(question(identity), signal);
    expect(ask()).toBeUndefined();
    await ask();
    await expect(ask()).rejects.toThrow('no');
    expect(ask).toThrow('no, at once');
    await expect(ask()).rejects.toThrow('away');
    expect(counters.denied.get('open')).toBe(2);
    expect(() => gate.mayOpen(question(identity, { route: 'x' }), signal)).toThrow('is missing');
    expect(asked).toHaveLength(5);
    expect(asked[0]).toEqual({ route: 'chat', subject: '', sessionId: 's', peer: PEER });
  });
});

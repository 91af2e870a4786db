import { createSecretKey } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { JwtTokens, type JwtTokensOptions } from '../../../src/auth/jwt-tokens.js';
import {
  candidates,
  keyOfJwk,
  keysOfFile,
  type KeyQuestion,
  type VerificationKey,
  type VerificationKeys,
} from '../../../src/auth/verification-keys.js';
import { SluiceError, type ErrorCode } from '../../../src/core/errors.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import {
  base64url,
  makeTokenKey,
  publicPem,
  signText,
  signToken,
  type TokenKey,
} from '../../helpers/tokens.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RS = makeTokenKey('RS256', { kid: 'rs' });
const ES = makeTokenKey('ES256', { kid: 'es' });
const HS = makeTokenKey('HS256', { kid: 'hs' });

class KeysInHand implements VerificationKeys {
  readonly calls: string[] = [];
  readonly questions: KeyQuestion[] = [];
  readonly keys: readonly VerificationKey[];

  constructor(keys: readonly VerificationKey[]) {
    this.keys = keys;
  }

  keysFor(question: KeyQuestion): readonly VerificationKey[] {
    this.questions.push(question);
    return candidates(this.keys, question);
  }

  start(): void {
    this.calls.push('start');
  }

  reload(): void {
    this.calls.push('reload');
  }

  stop(): void {
    this.calls.push('stop');
  }
}

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

function tokensWith(
  keys: VerificationKeys | readonly TokenKey[],
  options: Partial<JwtTokensOptions> = {},
): JwtTokens {
  return new JwtTokens({
    keys: Array.isArray(keys)
      ? new KeysInHand(keys.map(({ jwk }) => keyOfJwk(jwk)!))
      : (keys as VerificationKeys),
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    issuer: '',
    audience: [],
    clockToleranceMs: 30_000,
    maxTokenBytes: 8 * 1024,
    maxTokenLifetimeMs: 24 * HOUR,
    subjectClaim: 'sub',
    classClaim: '',
    permissionsClaim: '',
    clock,
    ...options,
  });
}

const seconds = (fromNowMs = 0): number => Math.floor((clock.wallNow() + fromNowMs) / 1000);

const claims = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  sub: 'alice',
  iat: seconds(),
  exp: seconds(HOUR),
  ...more,
});

async function refusal(promise: Promise<unknown>, code: ErrorCode = 'UNAUTHENTICATED'): Promise<string> {
  const error: unknown = await promise.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SluiceError);
  const { code: actual, message, cause } = error as SluiceError;
  expect({ code: actual, cause }).toEqual({ code, cause: undefined });
  return message;
}

describe('a token that holds', () => {
  test.each([
    'RS256',
    'RS512',
    'PS256',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
    'Ed25519',
    'HS256',
    'HS512',
  ] as const)('is signed with %s', async (algorithm) => {
    const key = makeTokenKey(algorithm, { kid: 'k' });
    const tokens = tokensWith([key], { algorithms: [algorithm] });
    expect(await tokens.verify(signToken(key, claims()))).toEqual({
      subject: 'alice',
      clientClass: undefined,
      permissions: undefined,
      issuedAtMs: seconds() * 1000,
      expiresAtMs: seconds(HOUR) * 1000,
      thumbprint: undefined,
    });
    const other = makeTokenKey(algorithm, { kid: 'k' });
    expect(await refusal(tokens.verify(signToken(other, claims())))).toBe(
      'The signature of the token does not hold.',
    );
  });

  test.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'AT+JWT'])(
    'may be of the type %s',
    async (typ) => {
      expect(await tokensWith([RS]).verify(signToken(RS, claims(), { typ }))).toMatchObject({
        subject: 'alice',
      });
    },
  );

  test.each(['dpop+jwt', 'JOSE', 'secevent+jwt', '', 7, null, ['JWT']])(
    'is not of the type %j',
    async (typ) => {
      expect(await refusal(tokensWith([RS]).verify(signToken(RS, claims(), { typ })))).toMatch(
        /another type/,
      );
    },
  );

  test('need not name its key: each that could be it is tried, a few at most', async () => {
    const keys = Array.from({ length: 5 }, (_, n) => makeTokenKey('ES256', { kid: String(n) }));
    const fourth = signToken(keys[3]!, claims(), { kid: undefined });
    expect(await tokensWith(keys.slice(0, 4)).verify(fourth)).toMatchObject({ subject: 'alice' });
    expect(await refusal(tokensWith(keys.slice(0, 3)).verify(fourth))).toBe(
      'The signature of the token does not hold.',
    );
    expect(await refusal(tokensWith(keys).verify(fourth))).toBe(
      'The token does not name its key, and 5 could be it.',
    );
  });

  test('names a key that it was signed with, and not another of the issuer', async () => {
    const tokens = tokensWith([ES, makeTokenKey('ES256', { kid: 'other' })]);
    expect(await refusal(tokens.verify(signToken(ES, claims(), { kid: 'other' })))).toBe(
      'The signature of the token does not hold.',
    );
  });

  test('has a form that is told from other tokens', () => {
    const tokens = tokensWith([RS]);
    expect(tokens.looksLike(signToken(RS, claims()))).toBe(true);
    expect(tokens.looksLike('e30.e30.')).toBe(true);
    expect(tokens.looksLike('e30.e30.e30.e30.e30')).toBe(true);
    for (const other of [
      '',
      'opaque',
      'a.b',
      'a.b.c.d',
      '..',
      'a b.c.d',
      'a.b.c=',
      'a.b.c\n',
      'a.b.c.d.e.f',
    ]) {
      expect({ other, is: tokens.looksLike(other) }).toEqual({ other, is: false });
    }
  });
});

describe('whose signature it is', () => {
  test('alg none is refused, whatever case it is written in', async () => {
    const tokens = tokensWith([RS, ES]);
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const token = `${base64url(JSON.stringify({ alg, typ: 'JWT' }))}.${base64url(JSON.stringify(claims()))}.`;
      expect(await refusal(tokens.verify(token))).toMatch(/algorithm/);
    }
  });

  test('an algorithm that is known but not allowed is refused before a key is looked for', async () => {
    const keys = new KeysInHand([RS, HS].map(({ jwk }) => keyOfJwk(jwk)!));
    const tokens = tokensWith(keys);
    expect(await refusal(tokens.verify(signToken(HS, claims())))).toMatch(/does not allow/);
    expect(
      await refusal(tokens.verify(signText('RS512', RS.signing, '{"alg":"RS512","kid":"rs"}', '{}'))),
    ).toMatch(/does not allow/);
    expect(keys.questions).toEqual([]);
  });

  test("a public key is nobody's secret: HS signed with its PEM, DER or JWK is refused", async () => {
    const pem = publicPem(RS);
    const texts = [pem, pem.trim(), JSON.stringify(RS.jwk), String(RS.jwk['n'])].map((text) =>
      Buffer.from(text),
    );
    const der = RS.verifying.export({ type: 'spki', format: 'der' });
    for (const source of [keysOfFile(pem), keysOfFile(JSON.stringify(RS.jwk))]) {
      // Allowed even, as with a file that holds a secret beside public keys.
      const tokens = tokensWith(new KeysInHand(source), { algorithms: ['RS256', 'HS256', 'HS384', 'HS512'] });
      for (const secret of [...texts, der, Buffer.from(String(RS.jwk['n']), 'base64url')]) {
        for (const alg of ['HS256', 'HS384', 'HS512']) {
          for (const kid of ['rs', undefined]) {
            const header = JSON.stringify({ alg, typ: 'JWT', kid });
            const token = signText(alg, createSecretKey(secret), header, JSON.stringify(claims()));
            expect(await refusal(tokens.verify(token))).toBe(
              'The token is signed with a key that is not known here.',
            );
          }
        }
      }
    }
  });

  test('a key serves its own kind of signature and no other', async () => {
    const tokens = tokensWith([ES, RS], { algorithms: ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] });
    for (const alg of ['ES384', 'EdDSA', 'RS256', 'PS256']) {
      const token = signText(
        'ES256',
        ES.signing,
        JSON.stringify({ alg, kid: 'es' }),
        JSON.stringify(claims()),
      );
      expect(await refusal(tokens.verify(token))).toMatch(/key that is not known/);
    }
    const sloppy = keyOfJwk({ ...RS.jwk, alg: 'PS256' })!;
    const narrow = tokensWith(new KeysInHand([sloppy]), { algorithms: ['RS256', 'PS256'] });
    expect(await refusal(narrow.verify(signToken(RS, claims())))).toMatch(/key that is not known/);
  });

  test('keys that the token brings along are not looked at', async () => {
    const own = makeTokenKey('RS256', { kid: 'rs' });
    const tokens = tokensWith([RS]);
    for (const header of [
      { jwk: own.jwk },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/cert' },
      { x5c: ['MIIB'] },
    ]) {
      expect(await refusal(tokens.verify(signToken(own, claims(), header)))).toBe(
        'The signature of the token does not hold.',
      );
      expect(await tokens.verify(signToken(RS, claims(), header))).toMatchObject({ subject: 'alice' });
    }
  });

  test.each([
    '../../../../dev/null',
    '/etc/passwd',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    '',
    'x'.repeat(2_000),
  ])('a kid is a name and nothing else: %s', async (kid) => {
    const own = makeTokenKey('ES256', { kid });
    const message = await refusal(tokensWith([RS, ES]).verify(signToken(own, claims())));
    expect(message).toBe('The token is signed with a key that is not known here.');
  });

  test.each([7, null, {}, ['rs'], [[[[]]]]])('a kid that is %j is refused', async (kid) => {
    expect(await refusal(tokensWith([RS]).verify(signToken(RS, claims(), { kid })))).toMatch(/not a string/);
  });

  test('an extension that has to be understood is refused, and so is a payload as it is', async () => {
    const tokens = tokensWith([RS]);
    for (const header of [
      { crit: ['x'], x: 1 },
      { crit: ['b64'], b64: false },
      { crit: ['b64'], b64: true },
      { crit: [] },
      { crit: null },
    ]) {
      expect(await refusal(tokens.verify(signToken(RS, claims(), header)))).toMatch(/crit/);
    }
  });

  test('a changed payload, header or signature is refused', async () => {
    const tokens = tokensWith([ES]);
    const [header, payload, signature] = signToken(ES, claims()).split('.') as [string, string, string];
    const [, other] = signToken(ES, claims({ sub: 'bob' })).split('.') as [string, string];
    const typed = base64url(JSON.stringify({ alg: 'ES256', kid: 'es' }));
    const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    // r = s = 0 holds for everything where it is not looked out for (CVE-2022-21449).
    const zero = base64url(Buffer.alloc(64));
    for (const token of [
      `${header}.${other}.${signature}`,
      `${typed}.${payload}.${signature}`,
      `${header}.${payload}.${flipped}`,
      `${header}.${payload}.${zero}`,
      `${header}.${payload}.`,
    ]) {
      expect(await refusal(tokens.verify(token))).toMatch(/signature|broken/);
    }
  });
});

describe('what is no token', () => {
  test.each([
    ['an empty text', ''],
    ['words', 'not a token'],
    ['two parts', 'e30.e30'],
    ['a header that is no JSON', 'abc.e30.e30'],
    ['a header that is no object', `${base64url('[]')}.e30.e30`],
    ['a header that nests', `${base64url('['.repeat(1_000))}.e30.e30`],
    ['a header without an algorithm', 'e30.e30.e30'],
    ['an algorithm that is no text', `${base64url('{"alg":["RS256"]}')}.e30.e30`],
  ])('is refused: %s', async (_, token) => {
    const message = await refusal(tokensWith([RS]).verify(token));
    if (token !== '') expect(message).not.toContain(token);
  });

  test('is refused as what it is: an encrypted one', async () => {
    const token = `${base64url('{"alg":"dir","enc":"A256GCM"}')}..e30.e30.e30`;
    expect(await refusal(tokensWith([RS]).verify(token))).toMatch(/encrypted/);
  });

  test('is one that holds, with anything added that decoders overlook', async () => {
    const token = signToken(ES, claims());
    const [header, payload, signature] = token.split('.') as [string, string, string];
    for (const other of [
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      `${token}==`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}\n.${signature}`,
      `${header}.${payload}.${signature.slice(0, 9)}\t${signature.slice(9)}`,
      `Bearer ${token}`,
    ]) {
      expect(await refusal(tokensWith([ES]).verify(other))).toBe('The token is not a JWT.');
    }
  });

  test.each([
    ['no JSON', 'hello'],
    ['no object', '["sub"]'],
    ['null', 'null'],
    ['nesting', '['.repeat(3_000)],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('is refused although it is signed: claims that are %s', async (_, payload) => {
    const token = signText('ES256', ES.signing, '{"alg":"ES256"}', payload);
    expect(await refusal(tokensWith([ES]).verify(token))).toBe('The token is broken.');
  });

  test('deep nesting in a claim nobody looks at harms nobody', async () => {
    const deep = `${'['.repeat(2_000)}${']'.repeat(2_000)}`;
    const payload = `{"sub":"alice","exp":${seconds(HOUR)},"x":${deep}}`;
    const token = signText('ES256', ES.signing, '{"alg":"ES256"}', payload);
    expect(await tokensWith([ES]).verify(token)).toMatchObject({ subject: 'alice' });
    const counted = tokensWith([ES], { permissionsClaim: 'x' });
    expect(await refusal(counted.verify(token))).toMatch(/neither text nor a list/);
  });

  test('too large is refused before it is looked at, at just the limit it is not', async () => {
    const keys = new KeysInHand([keyOfJwk(ES.jwk)!]);
    const size = signToken(ES, claims()).length;
    const just = tokensWith(keys, { maxTokenBytes: size });
    expect(await just.verify(signToken(ES, claims()))).toMatchObject({ subject: 'alice' });
    const under = tokensWith(keys, { maxTokenBytes: size - 1 });
    expect(await refusal(under.verify(signToken(ES, claims())))).toBe(
      `The token has ${size} bytes, and ${size - 1} are the most (auth.maxTokenSize).`,
    );
    expect(await refusal(under.verify('x'.repeat(50_000_000)))).toMatch(/50000000 bytes/);
    expect(keys.questions).toHaveLength(1);
  });
});

describe('time', () => {
  test('an end is needed, and is a number', async () => {
    const tokens = tokensWith([ES]);
    expect(await refusal(tokens.verify(signToken(ES, { sub: 'alice' })))).toBe(
      'The token has no claim "exp".',
    );
    for (const exp of ['2030-01-01', null, true, [9e9]]) {
      expect(await refusal(tokens.verify(signToken(ES, claims({ exp }))))).toBe(
        'The token\'s claim "exp" is not a time.',
      );
    }
  });

  test('expired is said only of what is signed, and after the tolerance', async () => {
    const tokens = tokensWith([ES]);
    const token = signToken(ES, claims({ exp: seconds(MINUTE) }));
    clock.advance(MINUTE + 29_000);
    expect(await tokens.verify(token)).toMatchObject({ subject: 'alice' });
    clock.advance(1_000);
    expect(await refusal(tokens.verify(token), 'TOKEN_EXPIRED')).toBe(
      'The token expired at 2024-01-01T00:01:00.000Z.',
    );
    const [header, payload] = token.split('.') as [string, string];
    expect(await refusal(tokens.verify(`${header}.${payload}.${base64url(Buffer.alloc(64, 1))}`))).toMatch(
      /signature/,
    );
    const long = signToken(ES, claims({ iat: undefined, exp: -9e300 }));
    expect(await refusal(tokens.verify(long), 'TOKEN_EXPIRED')).toMatch(/out of range/);
  });

  test('an issuer whose clock is ahead or behind by the tolerance is believed', async () => {
    const tokens = tokensWith([ES]);
    const ahead = (ms: number): string => signToken(ES, claims({ iat: seconds(ms), nbf: seconds(ms) }));
    expect(await tokens.verify(ahead(30_000))).toMatchObject({ issuedAtMs: seconds(30_000) * 1000 });
    expect(await refusal(tokens.verify(ahead(31_000)))).toBe(
      'The token holds only from 2024-01-01T00:00:31.000Z on ("nbf").',
    );
    expect(await refusal(tokens.verify(signToken(ES, claims({ iat: seconds(31_000) }))))).toBe(
      'The token was issued in the future, at 2024-01-01T00:00:31.000Z ("iat").',
    );
    const strict = tokensWith([ES], { clockToleranceMs: 0 });
    expect(await refusal(strict.verify(signToken(ES, claims({ iat: seconds(1_000) }))))).toMatch(/future/);
    expect(await refusal(strict.verify(signToken(ES, claims({ exp: seconds() }))), 'TOKEN_EXPIRED')).toMatch(
      /expired/,
    );
  });

  test('a token lives no longer than it may, from its issue or else from now', async () => {
    const tokens = tokensWith([ES]);
    const day = signToken(ES, claims({ exp: seconds(24 * HOUR) }));
    expect(await tokens.verify(day)).toMatchObject({ subject: 'alice' });
    expect(await refusal(tokens.verify(signToken(ES, claims({ exp: seconds(24 * HOUR + 1_000) }))))).toBe(
      'The token lives until 2024-01-02T00:00:01.000Z, longer than auth.maxTokenLifetime allows.',
    );
    // One of a week, in its last hour: a revocation of a week ago would be forgotten by now.
    const old = signToken(ES, claims({ iat: seconds(-167 * HOUR), exp: seconds(HOUR) }));
    expect(await refusal(tokens.verify(old))).toMatch(/maxTokenLifetime/);
    const silent = (ms: number): string => signToken(ES, claims({ iat: undefined, exp: seconds(ms) }));
    expect(await tokens.verify(silent(24 * HOUR + 30_000))).toMatchObject({ issuedAtMs: undefined });
    expect(await refusal(tokens.verify(silent(24 * HOUR + 31_000)))).toMatch(/maxTokenLifetime/);
  });

  test.each(['1e999', '-1e999', '1e300', '"1"', 'null', 'true'])(
    'no number of a time makes trouble: %s',
    async (number) => {
      const tokens = tokensWith([ES]);
      for (const name of ['iat', 'exp', 'nbf']) {
        const others = { sub: 'alice', exp: seconds(HOUR), [name]: undefined };
        const payload = JSON.stringify(others).replace('}', `,"${name}":${number}}`);
        const token = signText('ES256', ES.signing, '{"alg":"ES256"}', payload);
        const negative = number.startsWith('-');
        // A beginning before all time is one.
        if (negative && name === 'nbf')
          expect(await tokens.verify(token)).toMatchObject({ subject: 'alice' });
        else
          await refusal(
            tokens.verify(token),
            negative && name === 'exp' ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED',
          );
      }
    },
  );
});

describe('issuer and audience', () => {
  const strict = (): JwtTokens =>
    tokensWith([ES], { issuer: 'https://issuer', audience: ['sluice', 'gateway'] });

  test('that fit are taken: one of several audiences is enough', async () => {
    for (const aud of ['sluice', 'gateway', ['other', 'gateway']]) {
      const token = signToken(ES, claims({ iss: 'https://issuer', aud }));
      expect(await strict().verify(token)).toMatchObject({ subject: 'alice' });
    }
  });

  test.each<readonly [Readonly<Record<string, unknown>>, string]>([
    [{ aud: 'sluice' }, 'The token has no claim "iss".'],
    [
      { iss: 'https://issuer/', aud: 'sluice' },
      'The token is of another issuer ("iss") than auth.jwt.issuer = "https://issuer".',
    ],
    [
      { iss: ['https://issuer'], aud: 'sluice' },
      'The token is of another issuer ("iss") than auth.jwt.issuer = "https://issuer".',
    ],
    [{ iss: 'https://issuer' }, 'The token has no claim "aud".'],
    ...['other', 'sluic', '', [], ['other'], [['sluice']], { sluice: 1 }, null].map(
      (aud) =>
        [
          { iss: 'https://issuer', aud },
          'The token is for another audience ("aud") than auth.jwt.audience = ["sluice", "gateway"].',
        ] as const,
    ),
  ])('that do not fit are refused: %j', async (more, sentence) => {
    expect(await refusal(strict().verify(signToken(ES, claims(more))))).toBe(sentence);
  });
});

describe('what it says', () => {
  const says = (
    more: Readonly<Record<string, unknown>>,
    options: Partial<JwtTokensOptions> = {},
  ): Promise<unknown> => tokensWith([ES], options).verify(signToken(ES, claims(more)));

  test('the subject, of 1 to 128 printable characters, is not shortened', async () => {
    expect(await says({ sub: 'ü'.repeat(128) })).toMatchObject({ subject: 'ü'.repeat(128) });
    for (const sub of ['', 'x'.repeat(129), 'a\nb', 'a\u0000', 'a\u202eb', 7, null, ['alice'], { a: 1 }]) {
      expect(await refusal(says({ sub }))).toBe(
        'The token\'s claim "sub" is not 1 to 128 printable characters.',
      );
    }
    expect(await refusal(says({ sub: undefined }))).toBe('The token has no claim "sub".');
  });

  test('of a claim that is there twice the last holds, for whoever reads it', async () => {
    const payload = `{"sub":"mallory","exp":1,"sub":"alice","exp":${seconds(HOUR)}}`;
    const token = signText('ES256', ES.signing, '{"alg":"none","alg":"ES256"}', payload);
    expect(await tokensWith([ES]).verify(token)).toMatchObject({ subject: 'alice' });
  });

  test('claims by name, and within others; the very name first', async () => {
    const more = { realm: { user: { name: 'bob' } }, 'realm.role': 'gold', roles: ['a'] };
    const names = { subjectClaim: 'realm.user.name', classClaim: 'realm.role' };
    expect(await says(more, names)).toMatchObject({ subject: 'bob', clientClass: 'gold' });
    expect(await says({ ...more, 'realm.user.name': 'carol' }, names)).toMatchObject({ subject: 'carol' });
    for (const subjectClaim of [
      'realm.user',
      'realm.user.name.length',
      'roles.0',
      '__proto__.x',
      'constructor.name',
      'toString',
    ]) {
      await refusal(says(more, { subjectClaim }));
    }
  });

  test('the class is text, where it is asked for and there', async () => {
    expect(await says({ tier: 'gold' })).toMatchObject({ clientClass: undefined });
    expect(await says({}, { classClaim: 'tier' })).toMatchObject({ clientClass: undefined });
    for (const tier of [7, null, ['gold'], {}]) {
      expect(await refusal(says({ tier }, { classClaim: 'tier' }))).toBe(
        'The token\'s claim "tier" is not a string.',
      );
    }
  });

  test('permissions are words or a list; those of others are left out, and none is not all', async () => {
    const scope = (value: unknown): Promise<unknown> => says({ scope: value }, { permissionsClaim: 'scope' });
    const both = { permissions: ['open:chat/{client}', '*:echo'] };
    expect(await scope('openid open:chat/{client}  read:mail *:echo')).toMatchObject(both);
    expect(await scope(['openid', 'open:chat/{client}', '*:echo', 'open:a/{me}', ''])).toMatchObject(both);
    expect(await scope(['open:chat/with blanks'])).toMatchObject({ permissions: ['open:chat/with blanks'] });
    for (const nothing of ['', 'openid profile', []]) {
      expect(await scope(nothing)).toMatchObject({ permissions: [] });
    }
    expect(await says({}, { permissionsClaim: 'scope' })).toMatchObject({ permissions: undefined });
    expect(await says({ scope: '*' })).toMatchObject({ permissions: undefined });
    for (const wrong of [7, null, true, { open: 'chat' }, ['open:chat', 7], [['open:chat']]]) {
      expect(await refusal(scope(wrong))).toBe(
        'The token\'s claim "scope" is neither text nor a list of texts.',
      );
    }
    const many = Array.from({ length: 256 }, (_, n) => `open:r${n}`);
    expect(await scope(many.join(' '))).toMatchObject({ permissions: many });
    expect(await refusal(scope([...many, 'open:one-more']))).toBe(
      'The token has 257 permissions, and 256 are the most.',
    );
  });

  test('the certificate it is bound to; bound to anything else it is refused', async () => {
    const thumbprint = base64url(Buffer.alloc(32, 7));
    expect(await says({ cnf: { 'x5t#S256': thumbprint } })).toMatchObject({ thumbprint });
    for (const cnf of [
      {},
      null,
      'x',
      [],
      { jkt: thumbprint },
      { 'x5t#S256': thumbprint, jkt: thumbprint },
      { 'x5t#S256': thumbprint.slice(1) },
      { 'x5t#S256': 7 },
    ]) {
      expect(await refusal(says({ cnf }))).toMatch(/"cnf"/);
    }
  });

  test('nothing of it is in any refusal', async () => {
    const secret = 'S3CR3T';
    const more = {
      iss: secret,
      aud: secret,
      cnf: { jkt: secret },
      scope: [7, secret],
      tier: [secret],
      sub: `\n${secret}`,
    };
    const options = { issuer: 'i', audience: ['a'], classClaim: 'tier', permissionsClaim: 'scope' };
    for (const each of Object.keys(options).concat('')) {
      const token = signToken(ES, claims(more));
      const attempt = tokensWith([ES], each === '' ? {} : { [each]: options[each as 'issuer'] });
      const error: unknown = await attempt.verify(token).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SluiceError);
      const all = `${String(error)} ${JSON.stringify(error)} ${String((error as Error).stack)}`;
      expect(all).not.toContain(secret);
      for (const part of token.split('.')) expect(all).not.toContain(part);
    }
  });
});

describe('its keys', () => {
  test('start, reload and stop with it', () => {
    const keys = new KeysInHand([]);
    const tokens = tokensWith(keys, { audience: ['sluice'] });
    tokens.start();
    tokens.reload();
    tokens.stop();
    expect(keys.calls).toEqual(['start', 'reload', 'stop']);
  });

  test('that can not be had now make it unavailable, not wrong', async () => {
    const away = new SluiceError('AUTH_UNAVAILABLE', 'away', { retryAfterMs: 5 });
    const keys = Object.assign(new KeysInHand([]), { keysFor: () => Promise.reject(away) });
    await expect(tokensWith(keys).verify(signToken(ES, claims()))).rejects.toBe(away);
  });
});

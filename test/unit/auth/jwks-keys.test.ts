import { once } from 'node:events';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { JwksKeys, type JwksKeysOptions } from '../../../src/auth/jwks-keys.js';
import type { TokenAlgorithm } from '../../../src/core/token-algorithms.js';
import type { SluiceError } from '../../../src/core/errors.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { answerKeys, answerText, JwksServer, type Answerer } from '../../helpers/jwks-server.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { makeTokenKey } from '../../helpers/tokens.js';

const MAX_AGE = 600_000;
const COOLDOWN = 30_000;
const TIMEOUT = 5_000;
const OLD = makeTokenKey('ES256', { kid: 'old' });
const NEW = makeTokenKey('ES256', { kid: 'new' });
const THIRD = makeTokenKey('ES256', { kid: 'third' });

let clock: FakeClock;
let logger: RecordingLogger;
let server: JwksServer;
let keys: JwksKeys;

const make = (options: Partial<JwksKeysOptions> = {}): JwksKeys =>
  new JwksKeys({
    url: server.url,
    maxAgeMs: MAX_AGE,
    cooldownMs: COOLDOWN,
    timeoutMs: TIMEOUT,
    clock,
    logger,
    ...options,
  });

beforeEach(async () => {
  clock = new FakeClock();
  logger = new RecordingLogger();
  server = await JwksServer.start(answerKeys(OLD));
  keys = make();
  return async () => {
    keys.stop();
    keys.stop();
    await server.disappear();
    expect(clock.activeTimers).toBe(0);
  };
});

/** How many keys, or the code and the wait of why not. Joins a fetch under way. */
async function find(kid: string | undefined, algorithm: TokenAlgorithm = 'ES256'): Promise<unknown> {
  try {
    return (await keys.keysFor({ algorithm, kid })).length;
  } catch (error) {
    const { code, retryAfterMs } = error as SluiceError;
    return [code, retryAfterMs];
  }
}

/** Not known, and newer keys are looked for after so long. */
const unknownFor = (retryAfterMs: number): unknown => ['UNAUTHENTICATED', retryAfterMs];

/** Started, and the first fetch is over. */
async function started(): Promise<void> {
  keys.start();
  await find('no such key');
}

/** The next fetch, by age or after a failure, is over. */
async function refetched(afterMs: number): Promise<void> {
  const before = server.requests + keys.fetches.failed;
  clock.advance(afterMs);
  await find('no such key');
  expect(server.requests + keys.fetches.failed).toBeGreaterThan(before);
}

const known = (kid: string): number => {
  const found = keys.keysFor({ algorithm: 'ES256', kid });
  if (Array.isArray(found)) return found.length;
  void (found as Promise<unknown>).catch(() => {});
  return 0;
};

describe('at the start', () => {
  test('tokens wait for the fetch, and join it', async () => {
    keys.start();
    expect(keys.ageMs()).toBeUndefined();
    expect(await Promise.all([find('old'), find('old'), find('other'), find(undefined)])).toEqual([
      1,
      1,
      unknownFor(COOLDOWN),
      1,
    ]);
    expect(server.requests).toBe(1);
    expect(keys.fetches).toEqual({ ok: 1, failed: 0 });
    clock.advance(1_000);
    expect(keys.ageMs()).toBe(1_000);
    expect(logger.lines).toEqual([
      expect.objectContaining({ level: 'info', fields: { setting: 'auth.jwt.jwksUrl', keys: 1 } }),
    ]);
  });

  test('nobody there: the gateway starts, nobody can tell, and the wait is said', async () => {
    await server.disappear();
    await started();
    clock.advance(10_000);
    expect(await find('old')).toEqual(['AUTH_UNAVAILABLE', 20_000]);
    expect(keys.ageMs()).toBeUndefined();
    expect(keys.fetches).toEqual({ ok: 0, failed: 1 });
    await server.appear();
    clock.advance(20_000);
    expect(await find('old')).toBe(1);
    expect(keys.fetches).toEqual({ ok: 1, failed: 1 });
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'info']);
    expect(JSON.stringify(logger.lines)).not.toMatch(/secret-tenant|realm/);
  });

  test.each([
    'ftp://issuer/keys',
    'issuer/keys',
    '',
    'https://user:S3CR3T@issuer/keys',
    'https://token@issuer/',
    'https://:S3CR3T@issuer/',
  ])('an address that can not be one stops it: %s', (url) => {
    expect(() => make({ url })).toThrow(
      expect.objectContaining({ name: 'StartError', setting: 'auth.jwt.jwksUrl' }),
    );
    expect(() => make({ url })).not.toThrow(/S3CR3T|token@/);
  });
});

describe('a key that is not known', () => {
  test('is asked for once in a cooldown, whoever asks, and together', async () => {
    await started();
    server.answer = answerKeys(OLD, NEW);
    clock.advance(COOLDOWN - 1);
    expect(await find('new')).toEqual(unknownFor(1));
    expect(server.requests).toBe(1);
    clock.advance(1);
    const found = await Promise.all(
      Array.from({ length: 50 }, (_, n) => find(n % 2 === 0 ? 'new' : `made up ${n}`)),
    );
    expect(found.filter((count) => count === 1)).toHaveLength(25);
    expect(server.requests).toBe(2);
    for (let n = 0; n < 1_000; n += 1) expect(await find(`made up ${n}`)).toEqual(unknownFor(COOLDOWN));
    expect(server.requests).toBe(2);
  });

  test('may be new: it may come again once keys are fetched again, and then it is known, or told for good', async () => {
    await started();
    server.answer = answerKeys(OLD, NEW);
    clock.advance(10_000.25);
    expect(await find('new')).toEqual(unknownFor(20_000));
    expect(await find('made up')).toEqual(unknownFor(20_000));
    clock.advance(20_000);
    // Those for whom the keys are fetched know them to be the newest; who joins them may have a newer one still.
    const found = await Promise.all([find('made up'), find('made up too'), find('new')]);
    expect(found).toEqual([0, unknownFor(COOLDOWN), 1]);
    expect(server.requests).toBe(2);
  });

  test('known ones are answered at once, without a promise, while it is asked for', async () => {
    await started();
    let release = (): void => {};
    server.answer = (request, response) => {
      release = () => {
        answerKeys(NEW)(request, response);
      };
    };
    clock.advance(COOLDOWN);
    const waiting = find('new');
    await server.arrived(2);
    expect(known('old')).toBe(1);
    release();
    expect(await waiting).toBe(1);
    expect(known('old')).toBe(0);
  });

  test('can not be told while the last fetch failed; known ones can', async () => {
    await started();
    await server.disappear();
    clock.advance(COOLDOWN);
    expect(await find('new')).toEqual(['AUTH_UNAVAILABLE', COOLDOWN]);
    clock.advance(1);
    expect(await find('new')).toEqual(['AUTH_UNAVAILABLE', COOLDOWN - 1]);
    expect(await find('old')).toBe(1);
    expect(keys.fetches).toEqual({ ok: 1, failed: 1 });
  });

  test('a name that is known for another algorithm is not that key', async () => {
    await started();
    expect(await find('old', 'RS256')).toEqual(unknownFor(COOLDOWN));
    expect(await find(undefined, 'RS256')).toEqual(unknownFor(COOLDOWN));
  });
});

describe('rotation', () => {
  test('is seen by age, in the background, while the old keys serve', async () => {
    await started();
    server.answer = answerKeys(OLD, NEW);
    clock.advance(MAX_AGE - 1);
    expect(server.requests).toBe(1);
    await refetched(1);
    expect([known('old'), known('new')]).toEqual([1, 1]);
    expect(keys.ageMs()).toBe(0);
    server.answer = answerKeys(NEW, THIRD);
    await refetched(MAX_AGE);
    // Removed from the set: not believed any more.
    expect([known('old'), known('new'), known('third')]).toEqual([0, 1, 1]);
    expect(keys.fetches).toEqual({ ok: 3, failed: 0 });
  });

  test('a name that is given to another key is of that key', async () => {
    await started();
    server.answer = answerKeys({ ...NEW.jwk, kid: 'old' });
    await refetched(MAX_AGE);
    const [found] = await keys.keysFor({ algorithm: 'ES256', kid: 'old' });
    expect(found!.key.equals(NEW.verifying)).toBe(true);
    expect(logger.messages('info')).toHaveLength(2);
  });

  test('is seen when asked; the same again is not worth a line', async () => {
    await started();
    keys.reload();
    keys.reload();
    await find('no such key');
    expect(server.requests).toBe(2);
    server.answer = answerKeys(NEW);
    keys.reload();
    expect(await find('new')).toBe(1);
    expect(logger.messages('info')).toHaveLength(2);
  });
});

const OCT = { kty: 'oct', kid: 'oct', k: 'A'.repeat(43) };
const failures: readonly (readonly [string, Answerer, RegExp])[] = [
  ['an error', (_, response) => response.writeHead(500).end('oops'), /the answer is 500/],
  ['another success', (_, response) => response.writeHead(206).end('{"keys":[]}'), /the answer is 206/],
  [
    'a redirect',
    (_, response) => response.writeHead(302, { location: `${server.url}&elsewhere` }).end(),
    /the answer is 302/,
  ],
  ['html', answerText('<!doctype html><title>Sign in</title>'), /not JSON/],
  ['nothing', answerText(''), /not JSON/],
  ['null', answerText('null'), /not a JWK set/],
  ['a list', answerText('[]'), /not a JWK set/],
  ['keys that are none', answerText('{"keys":"none"}'), /not a JWK set/],
  ['no keys', answerText('{"keys":[]}'), /no key for signatures/],
  ['keys that are no objects', answerText('{"keys":[1,null,"x",[]]}'), /number 4 is not a JWK/],
  ['a secret', answerKeys(OCT), /number 1 is secret, and yet published/],
  ['a private key', answerKeys(NEW.signing.export({ format: 'jwk' })), /is private/],
  ['too many keys', answerKeys(...Array.from({ length: 101 }, () => NEW)), /has 101 keys/],
  ['too much', answerText(`{"keys":[],"x":"${'x'.repeat(256 * 1024)}"}`), /more than 262144 bytes/],
  [
    'endlessly much',
    (request, response) => {
      const more = (): void => {
        while (!request.socket.destroyed && response.write('[1,'.repeat(1_000)));
      };
      response.on('drain', more);
      more();
    },
    /more than 262144 bytes/,
  ],
  [
    'half an answer',
    (_, response) => response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    /broke off/,
  ],
  ['a closed door', (request) => request.socket.destroy(), /can't be reached/],
];

describe('a server that answers with', () => {
  test.each(failures)(
    '%s: the last good keys stay, one line says why, and it is tried again',
    async (_, answer, fault) => {
      await started();
      server.answer = answer;
      await refetched(MAX_AGE);
      await refetched(COOLDOWN);
      expect(keys.fetches).toEqual({ ok: 1, failed: 2 });
      expect(known('old')).toBe(1);
      expect(keys.ageMs()).toBe(MAX_AGE + COOLDOWN);
      const lines = logger.lines.filter(({ level }) => level === 'error');
      expect(lines).toHaveLength(1);
      expect(lines[0]!.message).toMatch(/those fetched before stay in use/);
      expect((lines[0]!.fields as { fault: string }).fault).toMatch(fault);
      expect((lines[0]!.fields as { fault: string }).fault).not.toMatch(/secret-tenant|realm/);
      server.answer = answerKeys(NEW);
      await refetched(COOLDOWN);
      expect([known('old'), known('new')]).toEqual([0, 1]);
      expect(logger.messages('info')).toHaveLength(2);
    },
  );

  test.each(failures)('%s from the beginning: nobody can tell', async (_, answer) => {
    server.answer = answer;
    await started();
    expect(await find('old')).toEqual(['AUTH_UNAVAILABLE', COOLDOWN]);
    expect(await find(undefined)).toEqual(['AUTH_UNAVAILABLE', COOLDOWN]);
  });

  test('nothing for too long: what waits is told after the timeout', async () => {
    server.answer = () => {};
    keys.start();
    const waiting = find('old');
    await server.arrived(1);
    clock.advance(TIMEOUT);
    expect(await waiting).toEqual(['AUTH_UNAVAILABLE', COOLDOWN - TIMEOUT]);
    expect(keys.fetches).toEqual({ ok: 0, failed: 1 });
  });

  test('another fault each time: a line for each', async () => {
    await started();
    for (const answer of [answerText('x'), answerText('{"keys":[]}'), answerText('{"keys":[]}')]) {
      server.answer = answer;
      await refetched(MAX_AGE);
    }
    expect(logger.messages('error')).toHaveLength(2);
  });

  test('nothing at all for a while: tried again without being asked, and then all is as it was', async () => {
    await started();
    await server.disappear();
    await refetched(MAX_AGE);
    await server.appear();
    clock.advance(COOLDOWN);
    await server.arrived(2);
    expect(await find('made up')).toEqual(unknownFor(COOLDOWN));
    expect(known('old')).toBe(1);
    expect(logger.lines.map(({ level }) => level)).toEqual(['info', 'error', 'info']);
    clock.advance(MAX_AGE - 1);
    expect(await find('old')).toBe(1);
    expect(server.requests).toBe(2);
  });

  test('some keys that can not be used: the others are, and a line says which not', async () => {
    const weak = makeTokenKey('RS256', { rsaBits: 1024, kid: 'weak' });
    const leaked = NEW.signing.export({ format: 'jwk' }) as Record<string, unknown>;
    server.answer = answerKeys(weak, { ...leaked, kid: 'new' }, OCT, { ...THIRD.jwk, use: 'enc' }, OLD);
    await started();
    await refetched(MAX_AGE);
    expect([known('old'), known('new'), known('third')]).toEqual([1, 0, 0]);
    expect(await find('weak', 'RS256')).toEqual(unknownFor(COOLDOWN));
    expect(await find('oct', 'HS256')).toEqual(unknownFor(COOLDOWN));
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^keys are not used: number 1 has 1024 bits.*; number 2 is private.*; number 3 is secret/,
      ),
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain(leaked['d']);
  });
});

describe('stop', () => {
  test('ends a fetch under way, its connection, and what waits for it', async () => {
    server.answer = () => {};
    keys.start();
    const waiting = find('old');
    await server.arrived(1);
    keys.stop();
    expect(await waiting).toEqual(['AUTH_UNAVAILABLE', COOLDOWN]);
    expect(clock.activeTimers).toBe(0);
    keys.reload();
    clock.advance(MAX_AGE);
    await find('old');
    expect(server.requests).toBe(1);
    expect(logger.lines).toEqual([]);
    expect(keys.fetches).toEqual({ ok: 0, failed: 0 });
  });

  test('closes the connection that is kept for the next fetch', async () => {
    let closed: Promise<unknown> | undefined;
    server.answer = (request, response) => {
      closed = once(request.socket, 'close');
      answerKeys(OLD)(request, response);
    };
    await started();
    keys.stop();
    await closed;
    expect(known('old')).toBe(1);
  });

  test('before a start: nobody can tell, and nothing is asked', async () => {
    keys.stop();
    expect(await find('old')).toEqual(['AUTH_UNAVAILABLE', 1]);
    expect(server.requests).toBe(0);
  });

  test('is final, with a server that comes back', async () => {
    await server.disappear();
    await started();
    keys.stop();
    await server.appear();
    onTestFinished(() => {
      expect(server.requests).toBe(0);
    });
    clock.advance(MAX_AGE);
    expect(await find('old')).toEqual(['AUTH_UNAVAILABLE', 1]);
  });
});

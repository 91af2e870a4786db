import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { ClientClasses } from '../../../src/auth/client-classes.js';
import { StaticTokens } from '../../../src/auth/static-tokens.js';
import { SluiceError } from '../../../src/core/errors.js';
import { StartError } from '../../../src/core/start-error.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { TemporaryFile } from '../../helpers/temporary-file.js';

const TOKEN = 'a token that nobody guesses';
const OTHER = 'another such token';

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function open(file: TemporaryFile): {
  tokens: StaticTokens;
  clock: FakeClock;
  logger: RecordingLogger;
  revoked: string[];
} {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const revoked: string[] = [];
  const tokens = new StaticTokens({
    file: file.path,
    reloadIntervalMs: 60_000,
    classes: new ClientClasses({ device: { permissions: [] } }),
    onRevoked: (subject) => revoked.push(subject),
    clock,
    logger,
  });
  return { tokens, clock, logger, revoked };
}

function startFault(content: string): string {
  using file = new TemporaryFile(content);
  try {
    open(file);
  } catch (error) {
    if (error instanceof StartError) return error.message.replace(file.path, 'FILE');
    throw error;
  }
  throw new Error('it started');
}

function fileOf(...tokens: object[]): string {
  return JSON.stringify({ tokens });
}

describe('StaticTokens', () => {
  it('knows whose a token is', () => {
    using file = new TemporaryFile(
      fileOf(
        { sha256: hash(TOKEN).toUpperCase(), subject: 'sensor-1' },
        {
          sha256: hash(OTHER),
          subject: 'sensor-2',
          class: 'device',
          permissions: ['open:readings/{client}'],
          expires: '2024-01-01T01:00:00+01:00',
        },
      ),
    );
    const { tokens, logger } = open(file);
    expect(tokens.callerOf(TOKEN)).toEqual({
      clientId: 'sensor-1',
      method: 'static',
      clientClass: undefined,
      permissions: undefined,
      issuedAtMs: undefined,
      expiresAtMs: undefined,
      tokenHash: hash(TOKEN),
    });
    expect(tokens.holds(hash(TOKEN))).toBe(true);
    expect(tokens.holds(hash('third'))).toBe(false);
    expect(tokens.callerOf(hash(TOKEN))).toBeUndefined();
    expect(tokens.callerOf(`${TOKEN} `)).toBeUndefined();
    expect(tokens.callerOf('')).toBeUndefined();
    expect(JSON.stringify(logger.lines)).not.toContain(hash(TOKEN));
  });

  it('lets a token end', () => {
    using file = new TemporaryFile(
      fileOf({ sha256: hash(TOKEN), subject: 'ann', class: 'device', expires: '2024-01-01T00:00:10Z' }),
    );
    const { tokens, clock } = open(file);
    clock.advance(9_999);
    expect(tokens.callerOf(TOKEN)).toMatchObject({
      clientClass: 'device',
      expiresAtMs: Date.UTC(2024, 0, 1, 0, 0, 10),
    });
    clock.advance(1);
    expect(() => tokens.callerOf(TOKEN)).toThrow(
      new SluiceError('TOKEN_EXPIRED', 'the token expired at 2024-01-01T00:00:10.000Z'),
    );
  });

  it('takes up what changes, and names the subjects of which a token is gone', () => {
    const one = { sha256: hash(TOKEN), subject: 'ann' };
    const two = { sha256: hash(OTHER), subject: 'ann' };
    const three = { sha256: hash('third'), subject: 'bob' };
    using file = new TemporaryFile(fileOf(one, two, three));
    const { tokens, clock, logger, revoked } = open(file);
    tokens.start();
    file.write(fileOf(two, three));
    clock.advance(60_000);
    expect(tokens.callerOf(TOKEN)).toBeUndefined();
    expect(tokens.callerOf(OTHER)).toBeDefined();
    expect(revoked).toEqual(['ann']);
    file.write(fileOf(three, two, one));
    tokens.reload();
    expect(revoked).toEqual(['ann']);
    file.write(fileOf(three));
    tokens.reload();
    expect(revoked).toEqual(['ann', 'ann']);
    file.write('{}');
    tokens.reload();
    expect(tokens.callerOf('third')).toBeDefined();
    expect(logger.messages('error')).toEqual([
      `auth.static.file: "${file.path}" has no list "tokens". What it held before stays in use.`,
    ]);
    tokens.stop();
    tokens.stop();
    expect(clock.pending).toBe(0);
  });

  test.each([
    [`{ "tokens": [ ${TOKEN} ] }`, 'is not JSON'],
    ['{"tokens": [\n1\n2]}', 'is not JSON: line 3 is broken'],
    ['[]', 'is not an object: { "tokens": [ … ] }'],
    ['{"token": []}', 'has another member than "tokens"'],
    ['{"tokens": {}}', 'has no list "tokens"'],
    [fileOf({ sha256: hash(TOKEN), subject: 'a' }, [TOKEN]), 'token 2: is not an object'],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', [TOKEN]: 1 }),
      'token 1: has another key than sha256, subject, class, permissions, expires',
    ],
    [
      fileOf({ sha256: TOKEN, subject: 'a' }),
      'token 1: "sha256" is not the SHA-256 of a token in 64 hexadecimal digits',
    ],
    [
      fileOf({ sha256: `${hash(TOKEN)}0`, subject: 'a' }),
      'token 1: "sha256" is not the SHA-256 of a token in 64 hexadecimal digits',
    ],
    [fileOf({ sha256: hash(TOKEN) }), 'token 1: "subject" is not 1 to 128 printable characters'],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a\nb' }),
      'token 1: "subject" is not 1 to 128 printable characters',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a' }, { sha256: hash(TOKEN).toUpperCase(), subject: 'b' }),
      'token 2: another token has the same "sha256"',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', class: 'devices' }),
      'token 1: "class" is not one of auth.classes',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', class: '__proto__' }),
      'token 1: "class" is not one of auth.classes',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', permissions: '*' }),
      'token 1: "permissions" is not a list of strings',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', permissions: ['*', TOKEN] }),
      'token 1: "permissions": permission 2: expected a permission action:route, action:route/subject, or *',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', expires: 'tomorrow' }),
      'token 1: "expires" is not a time such as 2030-01-31T12:00:00Z (RFC 3339)',
    ],
    [
      fileOf({ sha256: hash(TOKEN), subject: 'a', expires: 1 }),
      'token 1: "expires" is not a time such as 2030-01-31T12:00:00Z (RFC 3339)',
    ],
    [fileOf(...Array<object>(100_001).fill({})), 'has 100001 tokens, and 100000 are the most'],
  ])('%.60s: %s', (content, fault) => {
    const message = startFault(content);
    expect(message).toBe(`auth.static.file: "FILE" ${fault}.`);
    expect(message).not.toContain(TOKEN);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientClass } from '../../../src/config/client-classes.js';
import { classMap } from '../../../src/config/formats/classes.js';
import type { Format } from '../../../src/config/formats/format.js';
import { permissionList } from '../../../src/config/formats/permissions.js';
import { textList } from '../../../src/config/formats/text.js';
import { httpUrl } from '../../../src/config/formats/url.js';
import { isLocalAddress, isLoopbackHost } from '../../../src/config/loopback.js';
import { type Plain, rawOf, showRaw } from '../../../src/config/raw.js';

/** The value read, or each part that is wrong, and why. */
function read<T>(format: Format<T>, plain: Plain): T | string[] {
  const reading = format.read(rawOf(plain));
  return 'value' in reading
    ? reading.value
    : reading.problems.map(({ part, reason }) => `${part}: ${reason}`);
}

describe('the address of a service', () => {
  const url = httpUrl();
  test.each(['', 'https://a', 'http://[::1]:8080/x/y?z=1', 'https://a.example/%20?a@b', 'https://a/x@y'])(
    '%j',
    (text) => {
      expect(read(url, text)).toBe(text);
      expect(url.print(text)).toBe(text);
    },
  );
  test.each([
    ['ftp://a', /begins with https:\/\/ or http:\/\//],
    ['a.example', /begins with/],
    ['HTTPS://a', /begins with/],
    ['https://', /it is no address/],
    ['https://a:99999', /it is no address/],
    ['https://[::1', /it is no address/],
    ['https://a b', /without blanks/],
    ['https://a\n', /without blanks/],
    ['https://ä', /ASCII/],
    [`https://a/${'x'.repeat(2_048)}`, /at most 2048/],
    ['https://ann:pw@a', /no name or password/],
    ['https://ann@a', /no name or password/],
    ['https://@a', /no name or password/],
    ['https:///ann:pw@a', /no name or password/],
    ['https://a\\@b', undefined],
    ['https://a#b', /no # /],
  ])('not %j', (text, reason) => {
    if (reason === undefined) expect(read(url, text)).toBe(text);
    else expect(read(url, text)).toEqual([expect.stringMatching(reason)]);
  });
  test('nothing secret of it is shown, used or refused', () => {
    expect(url.print('https://a/b?token=S3CR3T', true)).toBe('https://a/b?[hidden]');
    for (const wrong of ['https://ann:S3CR3T@a', 'htp://a/?S3CR3T', 'https://a/#S3CR3T', 'ann:S3CR3T@a']) {
      const reading = url.read(rawOf(wrong));
      expect('problems' in reading && reading.problems.map(({ shown }) => shown)).toEqual([undefined]);
      expect(JSON.stringify(reading)).not.toContain('S3CR3T');
    }
    const harmless = url.read(rawOf('htp://a'));
    expect('problems' in harmless && showRaw(harmless.problems[0]!.shown!)).toBe('"htp://a"');
  });
});

describe('permissions', () => {
  const permissions = permissionList();
  test('are a list, or one text with commas', () => {
    const list = ['*', 'open:chat/{client}', 'publish:feed.*/a,b'];
    expect(read(permissions, list)).toEqual(list);
    expect(read(permissions, 'open:chat, subscribe:chat')).toEqual(['open:chat', 'subscribe:chat']);
    expect(read(permissions, [])).toEqual([]);
  });
  test('each wrong one is told', () => {
    expect(read(permissions, ['opne:chat', '*', 'open:', ['*'], 'open'])).toEqual([
      ': expected an action before the colon: open, publish, subscribe, ingest, call, push or *',
      ': expected a route after the colon: letters, digits, dots, hyphens, underscores and *',
      ': expected a permission action:route, action:route/subject, or *',
      ': expected a permission action:route, action:route/subject, or *',
    ]);
    expect(read(permissions, ['*', '*'])).toEqual([': expected every permission once; * is there twice']);
  });
  test('at most 256', () => {
    const many = Array.from({ length: 257 }, (_, n) => `open:r${String(n)}`);
    expect(read(permissions, many.slice(1))).toHaveLength(256);
    expect(read(permissions, many)).toEqual([
      ': expected at most 256 permissions: action:route, action:route/subject, or *',
    ]);
  });
});

describe('classes', () => {
  const classes = classMap(clientClass);
  test('what is left out has its default', () => {
    expect(read(classes, { default: {}, gold: { permissions: '*', bytesPerSecond: '1MiB' } })).toEqual({
      default: {
        permissions: [],
        maxConnections: 0,
        maxSessions: 0,
        messagesPerSecond: 0,
        bytesPerSecond: 0,
      },
      gold: {
        permissions: ['*'],
        maxConnections: 0,
        maxSessions: 0,
        messagesPerSecond: 0,
        bytesPerSecond: 1_048_576,
      },
    });
  });
  test('every mistake is told, with its place', () => {
    expect(
      read(classes, {
        'a b': {},
        x: 'gold',
        y: { permission: ['*'], maxSessions: -1, permissions: ['nope'] },
      }),
    ).toEqual([
      'a b: expected a class name: a letter, then at most 63 letters, digits, dots, hyphens and underscores',
      'x: expected a map of options: {permissions: ["*"]}',
      'y.permission: a class has no such option; did you mean permissions?',
      'y.maxSessions: expected an integer from 1 to 1000000, or 0 (session.maxPerClient)',
      'y.permissions: expected a permission action:route, action:route/subject, or *',
    ]);
  });
  test.each([
    [{}],
    ['default'],
    [['default']],
    [Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`c${String(n)}`, {}]))],
  ])('not %#', (plain) => {
    expect(read(classes, plain)).toEqual([expect.stringMatching(/^: expected 1 to 100 classes, /)]);
  });
  test('what is printed is read back', () => {
    const values = fc.record({
      permissions: fc.uniqueArray(fc.stringMatching(/^(open|publish|\*):[a-z*.]{1,9}(\/[a-z*, ]{0,9})?$/), {
        maxLength: 4,
      }),
      maxConnections: fc.integer({ min: 0, max: 1_000_000 }),
      maxSessions: fc.integer({ min: 0, max: 1_000_000 }),
      messagesPerSecond: fc.integer({ min: 0, max: 1_000_000_000 }),
      bytesPerSecond: fc.integer({ min: 0, max: 2 ** 40 }),
    });
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/);
    fc.assert(
      fc.property(fc.dictionary(name, values, { minKeys: 1, maxKeys: 5, noNullPrototype: true }), (map) => {
        expect(classes.read(rawOf(classes.print(map)))).toEqual({ value: map });
      }),
    );
  });
});

test('several texts', () => {
  const texts = textList(/^[a-z]{1,3}$/, 'letters', 2);
  expect(read(texts, 'a, b')).toEqual(['a', 'b']);
  expect(read(texts, '')).toEqual([]);
  expect(read(texts, [])).toEqual([]);
  expect(read(texts, ['a', 'B'])).toEqual([': expected letters']);
  expect(read(texts, 'a,b,c')).toEqual([': expected at most 2 texts, each letters']);
  expect(read(texts, ['a', 'a'])).toEqual([': expected every text once; a is there twice']);
});

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['[::1]', true],
  ['[0:0:0:0:0:0:0:1]', true],
  ['[::ffff:127.0.0.1]', true],
  ['localhost', true],
  ['LocalHost.', true],
  ['a.localhost', true],
  ['0.0.0.0', false],
  ['[::]', false],
  ['128.0.0.1', false],
  ['[::ffff:10.0.0.1]', false],
  ['localhost.example', false],
  ['notlocalhost', false],
  ['127.example', false],
])('loopback: %s %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
  if (host !== '::1') expect(isLocalAddress(`${host}:50051`)).toBe(expected);
});

test('a Unix socket is local', () => {
  expect(isLocalAddress('unix:/run/sluice.sock')).toBe(true);
});

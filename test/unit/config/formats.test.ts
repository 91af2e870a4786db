import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressList, tcpAddress } from '../../../src/config/formats/address.js';
import { boolean, choice, choices } from '../../../src/config/formats/choice.js';
import { duration, MAX_DURATION_MS } from '../../../src/config/formats/duration.js';
import type { Format } from '../../../src/config/formats/format.js';
import { decimal, integer } from '../../../src/config/formats/number.js';
import { routeMap } from '../../../src/config/formats/routes.js';
import { GIB, KIB, MIB, size } from '../../../src/config/formats/size.js';
import { text } from '../../../src/config/formats/text.js';
import { rawOf, rawText } from '../../../src/config/raw.js';
import { setting } from '../../../src/config/setting.js';

/** The value read, or why it was not. */
function read<T>(format: Format<T>, written: string): T | string[] {
  const reading = format.read(rawText(written));
  return 'value' in reading ? reading.value : reading.problems.map(({ reason }) => reason);
}

function refused(format: Format<unknown>, written: string): boolean {
  return 'problems' in format.read(rawText(written));
}

const wait = duration({ zero: 'off' });
const room = size({ minBytes: KIB, maxBytes: GIB });
const kinds = {
  echo: {},
  slow: {
    delay: setting(wait, '1s', 'How long.'),
    pin: setting(text(/^\d*$/, 'digits'), '', 'Pin.', { sensitive: true }),
  },
};
const routes = routeMap(kinds);

describe('what is printed is read back', () => {
  const roundTrip = <T>(format: Format<T>, values: fc.Arbitrary<T>): void => {
    fc.assert(
      fc.property(values, (value) => {
        expect(format.read(rawOf(format.print(value)))).toEqual({ value });
      }),
    );
  };
  test('durations', () => {
    roundTrip(wait, fc.integer({ min: 0, max: MAX_DURATION_MS }));
    roundTrip(
      wait,
      fc.integer({ min: 1, max: 596 }).map((hours) => hours * 3_600_000),
    );
  });
  test('sizes', () => {
    roundTrip(room, fc.integer({ min: KIB, max: GIB }));
  });
  test('numbers', () => {
    roundTrip(integer({ min: -5, max: 1_000_000 }), fc.integer({ min: -5, max: 1_000_000 }));
    roundTrip(
      decimal({ min: 0, max: 1 }),
      fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
    );
  });
  test('words', () => {
    roundTrip(boolean(), fc.boolean());
    roundTrip(choice(['a', 'bee']), fc.constantFrom('a', 'bee'));
    roundTrip(choices(['a', 'bee'], 'none'), fc.uniqueArray(fc.constantFrom('a' as const, 'bee' as const)));
  });
  test('addresses', () => {
    const host = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
    );
    const tcp = fc
      .tuple(host, fc.integer({ min: 1, max: 65_535 }))
      .map(([name, port]) => `${name}:${String(port)}`);
    roundTrip(tcpAddress(), tcp);
    roundTrip(addressList(), fc.uniqueArray(tcp, { minLength: 1, maxLength: 16 }));
  });
  test('routes', () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/);
    const slow = fc.record({
      kind: fc.constant('slow' as const),
      delay: fc.integer({ min: 0, max: 9e6 }),
      pin: fc.stringMatching(/^\d{0,5}$/),
    });
    const route = fc.oneof(fc.constant({ kind: 'echo' as const }), slow);
    roundTrip(routes, fc.dictionary(name, route, { minKeys: 1, maxKeys: 5, noNullPrototype: true }));
  });
});

describe('junk is refused', () => {
  const digits = /^\d+(ms|s|m|h)$|^0$/;
  test('a duration is digits and a unit', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[-+ ]?\d{0,3}[.,e_]?\d{0,2} ?[a-zA-Zµ]{0,3}$/)),
        (junk) => {
          fc.pre(!digits.test(junk));
          expect(refused(wait, junk)).toBe(true);
        },
      ),
    );
  });
  test.each([
    '',
    ' ',
    '25',
    '25 s',
    '25S',
    '1.5s',
    '-1s',
    '+1s',
    '1e3ms',
    '25sec',
    '1m30s',
    '1d',
    '597h',
    '9'.repeat(40) + 'ms',
    'NaNs',
    'Infinity',
    '0x1s',
  ])('duration %j', (junk) => {
    expect(refused(wait, junk)).toBe(true);
  });
  test.each(['', '1024', '64KB', '64k', '64K', '1.5MiB', '-1KiB', '1023B', '1025MiB', '1TiB', '64 KiB'])(
    'size %j',
    (junk) => {
      expect(refused(room, junk)).toBe(true);
    },
  );
  test.each([
    '',
    '12abc',
    '1e3',
    '0x10',
    '1_000',
    '+5',
    '05',
    '1.0',
    '101',
    '-1',
    ' 5',
    '5\n',
    'NaN',
    '9'.repeat(30),
  ])('integer %j', (junk) => {
    expect(refused(integer({ min: 0, max: 100 }), junk)).toBe(true);
  });
  test.each(['.5', '1.', '1e-1', '0,5', '1.01', 'NaN'])('number %j', (junk) => {
    expect(refused(decimal({ min: 0, max: 1 }), junk)).toBe(true);
  });
  test.each(['yes', 'no', 'on', '1', '0', 'True', 'TRUE', '', ' true'])('boolean %j', (junk) => {
    expect(refused(boolean(), junk)).toBe(true);
  });
  test.each([
    ':50051',
    'host',
    'host:',
    'host:65536',
    'host:-1',
    'host:0x1',
    '::1:80',
    '[::1:80',
    '[127.0.0.1]:80',
    '300.0.0.1:80',
    '1.2.3:80',
    'ho st:80',
    '-a:80',
    'a..b:80',
    'http://a:80',
    'unix:/x',
  ])('address %j', (junk) => {
    expect(refused(tcpAddress(), junk)).toBe(true);
  });
  test.each([
    'unix:',
    `unix:/${'x'.repeat(107)}`,
    'a:1,',
    'a:1,a:1',
    ',',
    Array.from({ length: 17 }, (_, n) => `a:${String(n + 1)}`).join(','),
  ])('addresses %j', (junk) => {
    expect(refused(addressList(), junk)).toBe(true);
  });
});

test('0 is read where it has a meaning, and only there', () => {
  expect(read(wait, '0')).toBe(0);
  expect(read(wait, '0s')).toBe(0);
  expect(refused(duration(), '0')).toBe(true);
  expect(refused(duration(), '0s')).toBe(true);
  expect(refused(room, '0')).toBe(true);
  expect(read(size({ minBytes: KIB, maxBytes: GIB, zero: 'off' }), '0')).toBe(0);
  expect(read(integer({ min: 5, max: 9, zero: 'off' }), '0')).toBe(0);
  expect(refused(integer({ min: 5, max: 9 }), '0')).toBe(true);
});

test('values in their units', () => {
  expect(read(wait, '500ms')).toBe(500);
  expect(read(wait, '25s')).toBe(25_000);
  expect(read(wait, '2m')).toBe(120_000);
  expect(read(wait, '1h')).toBe(3_600_000);
  expect(read(room, '2048B')).toBe(2048);
  expect(read(room, '64KiB')).toBe(64 * KIB);
  expect(read(room, '5MiB')).toBe(5 * MIB);
  expect(read(room, '1GiB')).toBe(GIB);
});

test('addresses: one text with commas is a list; port 0 may come twice', () => {
  expect(read(addressList(), '127.0.0.1:0, 127.0.0.1:0,[::]:50051,unix:/tmp/a b.sock,localhost:1')).toEqual([
    '127.0.0.1:0',
    '127.0.0.1:0',
    '[::]:50051',
    'unix:/tmp/a b.sock',
    'localhost:1',
  ]);
});

test.each([
  [wait, '25', /; 25 has no unit$/],
  [wait, '1.5s', /; write 1500ms$/],
  [wait, '1m30s', /; write 90s$/],
  [wait, '1.001s', /; write 1001ms$/],
  [wait, '0.0001s', /from 1ms to 596h, or 0 \(off\)$/],
  [wait, '1.5d', /from 1ms to 596h, or 0 \(off\)$/],
  [room, '1.5MiB', /; write 1536KiB$/],
  [room, '1.5GiB', /from 1KiB to 1GiB$/],
  [boolean(), 'yes', /; write true$/],
  [boolean(), 'Off', /; write false$/],
  [boolean(), 'maybe', /^expected true or false$/],
  [tcpAddress(), 'localhost:99999', /; the port is over 65535$/],
  [tcpAddress(), 'ho st:99999', /such as \S+ \S+ or localhost:50051$/],
  [room, '2MB', /; the units are B, KiB, MiB and GiB/],
  [tcpAddress(), ':9464', /; write 0\.0\.0\.0:9464 for every interface$/],
  [tcpAddress(), '::1:9464', /; write \[::1\]:9464$/],
  [choice(['info', 'warn']), 'warning', /^expected one of info, warn$/],
  [choice(['info', 'debug']), 'debgu', /; did you mean debug\?$/],
] as const)('a refusal says what was perhaps meant (%#)', (format, written, reason) => {
  expect(read(format as Format<unknown>, written)).toEqual([expect.stringMatching(reason)]);
});

describe('several words', () => {
  const words = choices(['red', 'green'], 'any');
  test('are a list, or one text with commas', () => {
    expect(words.read(rawOf(['green', 'red']))).toEqual({ value: ['green', 'red'] });
    expect(read(words, 'green, red')).toEqual(['green', 'red']);
    expect(words.read(rawOf([]))).toEqual({ value: [] });
  });
  test.each(['', 'red,', 'red,red', 'blue', '[]', 'red green'])('not %j', (written) => {
    expect(refused(words, written)).toBe(true);
  });
  test('every wrong word is told, and what was perhaps meant', () => {
    expect(read(words, 'rad,blue')).toEqual([
      'expected one of red, green; did you mean red?',
      'expected one of red, green',
    ]);
  });
});

describe('routes', () => {
  const problems = (plain: Parameters<typeof rawOf>[0]): string[] => {
    const reading = routes.read(rawOf(plain));
    return 'problems' in reading ? reading.problems.map(({ part, reason }) => `${part}: ${reason}`) : [];
  };
  test('options have defaults', () => {
    expect(routes.read(rawOf({ a: { kind: 'slow', delay: '2s' } }))).toEqual({
      value: { a: { kind: 'slow', delay: 2000, pin: '' } },
    });
  });
  test('every mistake of every route is told', () => {
    expect(
      problems({
        a: { kind: 'ecko' },
        'b/c': { kind: 'echo' },
        d: 'echo',
        e: {},
        f: { kind: 'slow', delay: 3, dealy: '1s', zzz: 1 },
        g: { kind: 'constructor' },
      }),
    ).toEqual([
      'a.kind: expected one of echo, slow; did you mean echo?',
      expect.stringMatching(/^b\/c: expected a route name/),
      'd: expected a map with a kind: {kind: echo}',
      'e: expected a kind, one of echo, slow',
      expect.stringMatching(/^f\.delay: expected a duration .*; 3 has no unit$/),
      'f.dealy: a route of kind slow has no such option; did you mean delay?',
      'f.zzz: a route of kind slow has no such option',
      'g.kind: expected one of echo, slow',
    ]);
  });
  test.each(['__proto__', '', '1a', 'a b', 'a'.repeat(65)])('name %j', (name) => {
    expect(
      problems(
        JSON.parse(JSON.stringify({ x: { kind: 'echo' } }).replace('"x"', JSON.stringify(name))) as Record<
          string,
          never
        >,
      ),
    ).toHaveLength(1);
  });
  test('none at all is refused', () => {
    expect(problems({})).toHaveLength(1);
    expect(refused(routes, 'echo')).toBe(true);
  });
  test('a sensitive option is neither told nor printed', () => {
    const reading = routes.read(rawOf({ a: { kind: 'slow', pin: 'hunter2' } }));
    expect('problems' in reading && reading.problems.map(({ shown }) => shown)).toEqual([undefined]);
    expect(routes.print({ a: { kind: 'slow', delay: 0, pin: '1234' } }, true)).toEqual({
      a: { kind: 'slow', delay: 0, pin: '[hidden]' },
    });
  });
});

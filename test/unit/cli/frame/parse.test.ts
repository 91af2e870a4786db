import { describe, expect, test } from 'vitest';
import { type ArgumentsOf, type Command, defineCommand } from '../../../../src/cli/frame/command.js';
import { CommandError } from '../../../../src/cli/frame/command-error.js';
import { optional, oneOf, required, rest } from '../../../../src/cli/frame/operand.js';
import {
  choice,
  duration,
  file,
  flag,
  integer,
  OUTPUT,
  size,
  text,
} from '../../../../src/cli/frame/option.js';
import { parseCommand } from '../../../../src/cli/frame/parse.js';

const ping = defineCommand({
  name: 'ping',
  group: 'talk',
  summary: 'Ping',
  options: {
    output: OUTPUT,
    quiet: flag({ short: 'q', help: 'Say less.' }),
    count: integer({ short: 'n', min: 1, max: 100, default: 4, help: 'How often.' }),
    interval: duration({ minMs: 10, default: 1_000, help: 'How far apart.' }),
    payloadSize: size({ minBytes: 1, maxBytes: 1024, help: 'How much.' }),
    address: text({
      env: 'SLUICE_ADDRESS',
      default: 'localhost:1',
      help: 'Where.',
      allowed: 'an address',
      isRight: (value) => value.includes(':'),
    }),
    token: text({
      env: 'SLUICE_TOKEN',
      secret: true,
      help: 'Who.',
      allowed: 'a token',
      isRight: (value) => !value.includes(' '),
    }),
    meta: text({ many: true, help: 'What else.' }),
    overflow: choice(['block', 'drop-oldest'], { help: 'What then.' }),
    from: file({ help: 'From where.' }),
  },
  operands: {
    route: required({ help: 'Which.' }),
    sessionId: optional({ help: 'Whose.' }),
  },
  examples: [{ line: 'sluice ping echo', does: 'Pings.' }],
  // Types are as declared: none of these lines needs a cast.
  run: ({ options, operands }) => {
    const sum: number = options.count + options.interval + (options.payloadSize ?? 0);
    const words: 'text' | 'json' = options.output;
    const policy: 'block' | 'drop-oldest' | undefined = options.overflow;
    const texts: readonly (string | undefined)[] = [
      ...options.meta,
      operands.route,
      operands.sessionId,
      policy,
    ];
    return Promise.resolve(sum + words.length + texts.length);
  },
});

function parsed<C extends Command>(
  command: C,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ArgumentsOf<C> {
  const result = parseCommand(command, argv, env);
  if (result.help) throw new Error('help was asked for');
  return result.args as ArgumentsOf<C>;
}

function mistake(argv: readonly string[], env: NodeJS.ProcessEnv = {}, command: Command = ping): string {
  try {
    parseCommand(command, argv, env);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    expect(error.exitCode).toBe(64);
    expect(error.message).toMatch(new RegExp(` \\(see: sluice help ${command.name}\\)$`));
    return error.message.replace(/ \(see: .*$/, '');
  }
  throw new Error('it was taken');
}

describe('what is right', () => {
  test('defaults', () => {
    expect(parsed(ping, ['echo'])).toEqual({
      options: {
        output: 'text',
        quiet: false,
        count: 4,
        interval: 1_000,
        payloadSize: undefined,
        address: 'localhost:1',
        token: undefined,
        meta: [],
        overflow: undefined,
        from: undefined,
      },
      operands: { route: 'echo' },
      flags: [],
    });
  });

  test.each<[readonly string[], object]>([
    [['--count', '7', 'echo'], { count: 7 }],
    [['--count=7', 'echo'], { count: 7 }],
    [['-n7', 'echo'], { count: 7 }],
    [['-qn', '7', 'echo'], { count: 7, quiet: true }],
    [['echo', '-o', 'json'], { output: 'json' }],
    [['echo', '--interval', '2m'], { interval: 120_000 }],
    [['echo', '--payload-size', '1KiB'], { payloadSize: 1024 }],
    [['echo', '--overflow', 'drop-oldest'], { overflow: 'drop-oldest' }],
    [['echo', '--meta', 'a=b', '--meta=-c'], { meta: ['a=b', '-c'] }],
    [['echo', '--from', '-'], { from: '-' }],
    [['echo', '-q', '-q'], { quiet: true }],
  ])('%j', (argv, expected) => {
    const { options, operands } = parsed(ping, argv);
    expect(options).toMatchObject(expected);
    expect(operands.route).toBe('echo');
  });

  test('operands in their order, and what begins with a dash behind --', () => {
    expect(parsed(ping, ['echo', '--', '-mine']).operands).toEqual({ route: 'echo', sessionId: '-mine' });
    const all = defineCommand({ ...ping, options: {}, operands: { files: rest({ help: 'Which.' }) } });
    expect(parsed(all, []).operands).toEqual({ files: [] });
    expect(parsed(all, ['a', 'b']).operands).toEqual({ files: ['a', 'b'] });
  });

  test('a variable speaks where the option is not given, and empty not at all', () => {
    const env = { SLUICE_ADDRESS: 'there:2', SLUICE_TOKEN: '' };
    expect(parsed(ping, ['echo'], env).options).toMatchObject({ address: 'there:2', token: undefined });
    expect(parsed(ping, ['echo', '--address', 'here:3'], env).options.address).toBe('here:3');
  });

  test.each([[['--help']], [['-h']], [['echo', '-h']], [['echo', '--count', 'x', '--help']]])(
    '%j',
    (argv) => {
      expect(parseCommand(ping, argv, {})).toEqual({ help: true });
    },
  );
});

test.each<[readonly string[], string]>([
  [['echo', '--cuont', '3'], 'there is no option --cuont; did you mean --count?'],
  [['echo', '--zzz'], 'there is no option --zzz'],
  [['echo', '-x'], 'there is no option -x'],
  [['echo', '--constructor'], 'there is no option --constructor'],
  [['echo', '--count'], '--count needs a value: an integer from 1 to 100'],
  [['echo', '--count', '--quiet'], '--count needs a value: an integer from 1 to 100'],
  [
    ['echo', '--meta', '-x'],
    '--meta needs a value: a text that is not empty; one that begins with "-" is written --meta="-x"',
  ],
  [['echo', '--meta'], '--meta needs a value: a text that is not empty'],
  [['echo', '-n', 'many'], '-n = "many": expected an integer from 1 to 100'],
  [['echo', '--count', '-5'], '--count = "-5": expected an integer from 1 to 100'],
  [['echo', '--count='], '--count = "": expected an integer from 1 to 100'],
  [['echo', '--count', '1', '--count', '2'], '--count is given more than once'],
  [
    ['echo', '--interval', '5'],
    '--interval = "5": expected a duration such as 500ms, 25s, 2m or 1h, from 10ms to 596h; 5 has no unit',
  ],
  [['echo', '-o', 'jsn'], '-o = "jsn": expected one of text, json; did you mean json?'],
  [['echo', '--quiet=yes'], '--quiet takes no value'],
  [['echo', '--address', 'x'], '--address = "x": expected an address'],
  [['echo', '--from='], '--from = "": expected the name of a file'],
  [[], 'ROUTE is missing'],
  [['a', 'b', 'c\u001b'], '"c\\u001b" is one argument too many'],
])('%j: %s', (argv, expected) => {
  expect(mistake(argv)).toBe(expected);
});

test('a secret is in no message', () => {
  expect(mistake(['echo', '--token', 'S3CR ET'])).toBe('--token: expected a token');
  expect(mistake(['echo', '--token', '-S3CRET'])).toBe(
    '--token needs a value: a token; one that begins with "-" is written --token=VALUE',
  );
  expect(mistake(['echo'], { SLUICE_TOKEN: 'S3CR ET' })).toBe('SLUICE_TOKEN: expected a token');
  expect(mistake(['echo'], { SLUICE_ADDRESS: 'x' })).toBe('SLUICE_ADDRESS = "x": expected an address');
});

describe('a command with the flags of the configuration', () => {
  const config = defineCommand({
    ...ping,
    name: 'config',
    options: {},
    operands: { action: oneOf(['check', 'print'], 'What.') },
    takesConfiguration: true,
  });

  test('passes them on as they are', () => {
    expect(parsed(config, ['check', '--log.level', 'debug', 'x', '--', '-y'])).toEqual({
      options: {},
      operands: { action: 'check' },
      flags: ['--log.level', 'debug', 'x', '--', '-y'],
    });
  });

  test('reads what stands before them', () => {
    expect(mistake(['chek'], {}, config)).toBe(
      'ACTION = "chek": expected one of check, print; did you mean check?',
    );
    expect(mistake(['--log.level', 'x'], {}, config)).toBe('ACTION is missing: check, print');
    expect(parseCommand(config, ['--log.level', '--help'], {})).toEqual({ help: true });
  });
});

import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../src/cli/command-line.js';
import { COMMANDS } from '../../../src/cli/commands/index.js';
import { type Command, defineCommand } from '../../../src/cli/frame/command.js';
import { CommandError } from '../../../src/cli/frame/command-error.js';
import { exitCode } from '../../../src/cli/frame/exit-codes.js';
import { cellsOf } from '../../../src/cli/frame/text-width.js';
import { runSluice, TestIo } from '../../helpers/command-io.js';

const TERMINAL = { terminal: { columns: 80, rows: 24 } };

describe('without a command', () => {
  test('tells what there is, on one small screen', async () => {
    const { code, out, err } = await runSluice([], TERMINAL);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(23);
    for (const line of lines) expect(cellsOf(line)).toBeLessThanOrEqual(80);
    for (const { name, summary } of COMMANDS)
      expect(out).toMatch(new RegExp(`^ {2}${name} +${summary}$`, 'm'));
    expect(await runSluice(['help'], TERMINAL)).toEqual({ code, out, err });
    expect(await runSluice(['--help'], TERMINAL)).toEqual({ code, out, err });
  });

  test('fails where nobody sits, so that no service takes it for a start', async () => {
    expect(await runSluice([])).toMatchObject({
      code: 64,
      err: 'sluice: say what to do: `sluice serve` runs the gateway.\n',
    });
  });

  test('flags alone are those of serve', async () => {
    expect(await runSluice(['--config', 'x', '--help'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Usage: sluice serve /) as string,
    });
  });
});

test.each(['--version', '-v', '-V', 'version'])('%s', async (word) => {
  expect(await runSluice([word])).toEqual({ code: 0, out: '0.0.0-test\n', err: '' });
});

test.each([
  ['stats', 'there is no command "stats"; did you mean status?'],
  ['\u001b[31mx', 'there is no command "\\u001b[31mx"'],
  ['\u009bx', 'there is no command "\\u{9b}x"'],
])('there is no command %j', async (word, message) => {
  const expected = { code: 64, out: '', err: `sluice: ${message} (see: sluice help)\n` };
  expect(await runSluice([word])).toEqual(expected);
  expect(await runSluice(['help', word])).toEqual({
    ...expected,
    err: expected.err.replace('sluice:', 'sluice help:'),
  });
});

test('help and --help are the same, for every command, at every width', async () => {
  for (const { name, examples, options } of COMMANDS) {
    for (const columns of [40, 80, 200]) {
      const terminal = { terminal: { columns, rows: 24 } };
      const asked = await runSluice(['help', name], terminal);
      expect(asked.code, name).toBe(0);
      expect(await runSluice([name, '--help'], terminal)).toEqual(asked);
      expect(await runSluice([name, '-h'], terminal)).toEqual(asked);
      for (const { line } of examples) expect(asked.out).toContain(`  ${line}\n`);
      for (const { env } of Object.values(options)) if (env !== undefined) expect(asked.out).toContain(env);
    }
  }
});

test('every declaration is sound', () => {
  const names = COMMANDS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, summary, options, operands, examples, about = [] } of COMMANDS) {
    expect(summary, name).toMatch(/^[A-Z].*[^.]$/);
    for (const text of [...about, ...Object.values(options).map(({ help }) => help)])
      expect(text).toMatch(/\.$/);
    const shorts = ['h', ...Object.values(options).flatMap(({ short }) => short ?? [])];
    expect(new Set(shorts).size, name).toBe(shorts.length);
    for (const short of shorts) expect(short).toMatch(/^[a-zA-Z]$/);
    for (const { line, does } of examples) {
      expect(line).toMatch(/\bsluice\b/);
      expect(does).toMatch(/\.$/);
    }
    const places = Object.values(operands);
    // Only the last takes all that is left, and what must be there comes first.
    expect(places.slice(0, -1).some(({ many }) => many)).toBe(false);
    const required = places.map((operand) => operand.required);
    expect(required).toEqual([...required].sort((a, b) => Number(b) - Number(a)));
  }
});

describe('what a command comes to', () => {
  function command(run: Command['run']): Command {
    return defineCommand({
      name: 'try',
      group: 'talk',
      summary: 'Try',
      examples: [{ line: 'sluice try', does: 'Tries.' }],
      run,
    });
  }
  const ran = async (run: Command['run'], before: (io: TestIo) => void = () => undefined) => {
    const io = new TestIo();
    before(io);
    let tookOver = 0;
    const code = await runCommandLine(['try'], [command(run)], io, () => (tookOver += 1));
    return { code, err: io.stderr.text, tookOver };
  };

  test('its code', async () => {
    expect(await ran(() => Promise.resolve(7))).toEqual({ code: 7, err: '', tookOver: 1 });
  });

  test('an error is one harmless line', async () => {
    const fail = (): never => {
      throw new CommandError('unavailable', 'it says \u001b[2J\nand more');
    };
    const expected = { code: 69, err: 'sluice try: it says \\u{1b}[2J\\u{a}and more\n', tookOver: 1 };
    expect(await ran(() => Promise.resolve().then(fail))).toEqual(expected);
    expect(await ran(fail)).toEqual(expected);
  });

  test('stopped: quietly, with the code of the signal', async () => {
    const wait = (_: unknown, io: { readonly signal: AbortSignal }): Promise<number> =>
      Promise.resolve().then(() => {
        throw io.signal.reason as Error;
      });
    expect(
      await ran(wait, (io) => {
        io.interrupt();
      }),
    ).toMatchObject({ code: 130, err: '' });
    // One that had finished all the same says so.
    expect(
      await ran(
        () => Promise.resolve(0),
        (io) => {
          io.interrupt();
        },
      ),
    ).toMatchObject({ code: 0 });
  });

  test('done, and nobody to say it to', async () => {
    const closed = exitCode('closedPipe');
    expect(
      await ran(
        () => Promise.resolve(0),
        (io) => {
          io.closePipe();
        },
      ),
    ).toMatchObject({ code: closed });
    expect(
      await ran(
        () => Promise.resolve(1),
        (io) => {
          io.closePipe();
        },
      ),
    ).toMatchObject({ code: 1 });
  });

  test('a fault of our own is not hidden', async () => {
    await expect(ran(() => Promise.reject(new RangeError('oops')))).rejects.toThrow('oops');
  });
});

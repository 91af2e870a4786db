import { parseArgs } from 'node:util';
import { nearest } from '../../config/nearest.js';
import { rawText, showRaw } from '../../config/raw.js';
import type { Arguments, Command } from './command.js';
import { CommandError } from './command-error.js';
import { flagName, type Option } from './option.js';
import type { Operand } from './operand.js';

type Parsed = { readonly help: true } | { readonly help: false; readonly args: Arguments };

/** An option as it was given: with a text where there was one. */
interface Given {
  readonly name: string;
  /** As it was written: `-n`, `--count`, `SLUICE_ADDRESS`. */
  readonly written: string;
  readonly text: string | undefined;
  /** The word behind it, which was taken for another option. */
  readonly next?: string;
}

/** Reads what follows the command's name. Throws `CommandError` with one line for the first mistake. */
export function parseCommand(command: Command, argv: readonly string[], env: NodeJS.ProcessEnv): Parsed {
  const mistake = mistakeOf(command);
  if (command.takesConfiguration === true) return parseConfigured(command, argv, mistake);
  const { given, texts, help } = tokensOf(command, argv, mistake);
  if (help) return { help: true };
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, option]) => {
      const flags = given.filter((one) => one.name === name);
      return [name, optionValue(option, flags.length > 0 ? flags : fromEnv(name, option, env), mistake)];
    }),
  );
  return { help: false, args: { options, operands: operandValues(command, texts, mistake), flags: [] } };
}

type Mistake = (message: string) => CommandError;

/** Every message says where to read on. */
function mistakeOf({ name }: Command): Mistake {
  return (message) => new CommandError('usage', `${message} (see: sluice help ${name})`);
}

/** The operands stand first; the flags behind them are read with the configuration. */
function parseConfigured(command: Command, argv: readonly string[], mistake: Mistake): Parsed {
  if (argv.includes('--help') || argv.includes('-h')) return { help: true };
  const count = Object.keys(command.operands).length;
  const firstFlag = argv.findIndex((word) => word.startsWith('-'));
  const end = Math.min(count, firstFlag < 0 ? argv.length : firstFlag);
  const operands = operandValues(command, argv.slice(0, end), mistake);
  return { help: false, args: { options: {}, operands, flags: argv.slice(end) } };
}

function tokensOf(
  command: Command,
  argv: readonly string[],
  mistake: Mistake,
): { readonly given: readonly Given[]; readonly texts: readonly string[]; readonly help: boolean } {
  const names = new Map(Object.keys(command.options).map((name) => [flagName(name).slice(2), name]));
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      ...Object.fromEntries(
        Object.entries(command.options).map(([name, { format, short }]) => [
          flagName(name).slice(2),
          {
            type: format === undefined ? ('boolean' as const) : ('string' as const),
            ...(short === undefined ? {} : { short }),
          },
        ]),
      ),
    },
  });
  const given: Given[] = [];
  const texts: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') texts.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help') return { given, texts, help: true };
    const name = names.get(token.name);
    if (name === undefined) throw mistake(noSuchOption(token.rawName, [...names.keys(), 'help']));
    const written = token.rawName;
    given.push(
      token.inlineValue === false && looksLikeAnOption(token.value)
        ? { name, written, text: undefined, next: token.value }
        : { name, written, text: token.value },
    );
  }
  return { given, texts, help: false };
}

/** `-` is the standard input, and -5 a number. */
function looksLikeAnOption(text: string): boolean {
  return /^-[^\d]/.test(text);
}

function noSuchOption(written: string, known: readonly string[]): string {
  const meant = nearest(written.replace(/^-+/, ''), known);
  return `there is no option ${written}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

/** The variable speaks only where the option was not given. */
function fromEnv(name: string, { env: variable }: Option<unknown>, env: NodeJS.ProcessEnv): readonly Given[] {
  const text = variable === undefined ? undefined : env[variable];
  return variable === undefined || text === undefined || text === ''
    ? []
    : [{ name, written: variable, text }];
}

function optionValue(option: Option<unknown>, given: readonly Given[], mistake: Mistake): unknown {
  if (option.many) return given.map((one) => readValue(option, one, mistake));
  const [first, second] = given;
  if (second !== undefined && option.format !== undefined) {
    throw mistake(`${second.written} is given more than once`);
  }
  return first === undefined ? option.defaultValue : readValue(option, first, mistake);
}

function readValue(
  { format, secret }: Option<unknown>,
  { name, written, text, next }: Given,
  mistake: Mistake,
): unknown {
  if (format === undefined) {
    if (text !== undefined) throw mistake(`${written} takes no value`);
    return true;
  }
  if (text === undefined) {
    const isValue = next !== undefined && 'value' in format.read(rawText(next));
    const shown = secret ? 'VALUE' : JSON.stringify(next);
    const hint = isValue ? `; one that begins with "-" is written ${flagName(name)}=${shown}` : '';
    throw mistake(`${written} needs a value: ${format.allowed}${hint}`);
  }
  const raw = rawText(text);
  const reading = format.read(raw);
  if ('value' in reading) return reading.value;
  const [problem] = reading.problems;
  const shown = secret ? '' : ` = ${withoutPassword(showRaw(raw))}`;
  throw mistake(`${written}${shown}: ${problem?.reason ?? `expected ${format.allowed}`}`);
}

/** Of a URL. */
function withoutPassword(shown: string): string {
  return shown.replaceAll(/\/\/[^/\s]*@/g, '//***@');
}

function operandValues(command: Command, texts: readonly string[], mistake: Mistake): Arguments['operands'] {
  const left = [...texts];
  const values: Record<string, unknown> = {};
  for (const [name, operand] of Object.entries(command.operands)) {
    if (operand.many) {
      values[name] = left.splice(0).map((text) => operandValue(name, operand, text, mistake));
      continue;
    }
    const text = left.shift();
    if (text !== undefined) values[name] = operandValue(name, operand, text, mistake);
    else if (operand.required) {
      const words = operand.words === undefined ? '' : `: ${operand.words.join(', ')}`;
      throw mistake(`${operandName(name)} is missing${words}`);
    }
  }
  const [extra] = left;
  if (extra !== undefined) throw mistake(`${showRaw(rawText(extra))} is one argument too many`);
  return values;
}

function operandValue(name: string, { words }: Operand<unknown>, text: string, mistake: Mistake): string {
  if (words === undefined || words.includes(text)) return text;
  const meant = nearest(text, words);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw mistake(
    `${operandName(name)} = ${showRaw(rawText(text))}: expected one of ${words.join(', ')}${hint}`,
  );
}

/** `sessionId` is written SESSION_ID. */
export function operandName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

import type { Command, CommandGroup } from './command.js';
import { EXIT_CODES, type ExitName } from './exit-codes.js';
import { readableColumns, table, wrap, type Row } from './layout.js';
import { flagName, type Option } from './option.js';
import type { Paint } from './paint.js';
import { operandName } from './parse.js';

export const GROUPS: Readonly<Record<CommandGroup, string>> = {
  run: 'Run a gateway',
  talk: 'Talk to one',
  look: 'Look at one',
  more: 'More',
};

/** Where help is shown. */
export interface HelpScreen {
  readonly columns: number;
  readonly paint: Paint;
}

/** `sluice help`: every command in a line, and an example of each group; on the 24 rows of a small terminal. */
export function overview(commands: readonly Command[], { columns, paint }: HelpScreen): string {
  const width = readableColumns(columns);
  // One column for all of them.
  const widest = Math.max(...commands.map(({ name }) => name.length));
  const groups: string[] = [];
  const examples: string[] = [];
  for (const [group, title] of Object.entries(GROUPS)) {
    const members = commands.filter((command) => command.group === group);
    const rows = members.map(({ name, summary }) => ({ first: name.padEnd(widest), text: summary }));
    if (rows.length > 0) groups.push(`${paint.bold(title)}\n${table(rows, width, paint.accent)}`);
    if (group !== 'more')
      examples.push(...members.slice(0, 1).map(({ examples: [{ line }] }) => `  ${line}\n`));
  }
  return [
    `Sluice, a resilient streaming gateway. ${paint.bold('Usage:')} sluice COMMAND [OPTION ...]\n\n`,
    ...groups,
    `\n${paint.bold('Examples')}\n`,
    ...examples,
    `All of a command: ${paint.accent('sluice help COMMAND')}\n`,
  ].join('');
}

/** `sluice help COMMAND` and `sluice COMMAND --help`. */
export function commandHelp(command: Command, { columns, paint }: HelpScreen): string {
  const width = readableColumns(columns);
  const paragraphs = [`${command.summary}.`, ...(command.about ?? [])];
  const section = (title: string, body: string): string => `\n${paint.bold(title)}\n${body}`;
  let text = `${paint.bold('Usage:')} ${usageOf(command)}\n`;
  for (const paragraph of paragraphs) text += `\n${wrap(paragraph, width).join('\n')}\n`;
  const operands = Object.entries(command.operands);
  if (operands.length > 0) {
    const rows = operands.map(([name, { help }]) => ({ first: operandName(name), text: help }));
    text += section('Arguments', table(rows, width, paint.accent));
  }
  for (const [title, rows] of optionGroups(command)) text += section(title, table(rows, width, paint.accent));
  const examples = command.examples.map(({ line, does }) => `  ${paint.dim(`# ${does}`)}\n  ${line}\n`);
  text += section(examples.length > 1 ? 'Examples' : 'Example', examples.join(''));
  return (
    text +
    section(
      'Exit codes',
      table(exitRows(command), width, (code) => code),
    )
  );
}

/** `sluice ping [OPTION ...] [--] SESSION`, as short as it can be said. */
export function usageOf({ name, operands, takesConfiguration, options }: Command): string {
  const words = Object.entries(operands).map(([operand, { required, many, words: choices }]) => {
    const shown = choices?.join('|') ?? operandName(operand);
    const repeated = many ? `${shown} ...` : shown;
    return required ? repeated : `[${repeated}]`;
  });
  const hasOptions = takesConfiguration !== true && Object.keys(options).length > 0;
  if (hasOptions) words.push('[OPTION ...]');
  if (takesConfiguration === true) words.push('[--config FILE] [--KEY VALUE ...]');
  return ['sluice', name, ...words].join(' ');
}

/** The options of a command under their titles, ready for a table; those of no group first. */
export function optionGroups(command: Command): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>([['Options', []]]);
  for (const [name, option] of Object.entries(command.options)) {
    const title = option.group ?? 'Options';
    const rows = groups.get(title) ?? [];
    groups.set(title, rows);
    rows.push({ first: signature(name, option), text: optionText(option) });
  }
  if (command.takesConfiguration === true) {
    groups
      .get('Options')
      ?.push(
        { first: '--config FILE', text: 'The file with the configuration, YAML or JSON. (SLUICE_CONFIG)' },
        { first: '--KEY VALUE', text: 'Any key of docs/configuration.md: --server.maxSockets 7000' },
      );
  }
  groups.get('Options')?.push({ first: '-h, --help', text: 'This text.' });
  return groups;
}

/** The codes a command may end with, those of every command included. */
export function exitRows({ exitCodes = {}, ownsProcess = false }: Command): readonly Row[] {
  const own: Partial<Record<ExitName, string>> = {
    ok: EXIT_CODES.ok.meaning,
    ...(ownsProcess ? {} : { usage: EXIT_CODES.usage.meaning }),
    ...exitCodes,
  };
  return Object.entries(EXIT_CODES).flatMap(([name, { code }]) => {
    const text = own[name as ExitName];
    return text === undefined ? [] : [{ first: String(code), text }];
  });
}

function signature(name: string, { short, format, placeholder }: Option<unknown>): string {
  const letter = short === undefined ? '' : `-${short}, `;
  return `${letter}${flagName(name)}${format === undefined ? '' : ` ${placeholder}`}`;
}

/** The help line, with the default and the variable behind it. */
function optionText(option: Option<unknown>): string {
  const { help, env, many } = option;
  const notes = [
    ...(many ? ['may be repeated'] : []),
    ...defaultNote(option),
    ...(env === undefined ? [] : [env]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join(', ')})`;
}

function defaultNote({
  format,
  defaultValue,
  defaultNote: note,
  secret,
}: Option<unknown>): readonly string[] {
  if (note !== undefined) return [`default: ${note}`];
  if (format === undefined || defaultValue === undefined || secret) return [];
  const plain = format.print(defaultValue);
  return typeof plain === 'object' ? [] : [`default: ${String(plain)}`];
}

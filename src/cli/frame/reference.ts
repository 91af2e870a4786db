import { type Command } from './command.js';
import { EXIT_CODES } from './exit-codes.js';
import { exitRows, GROUPS, optionGroups, usageOf } from './help.js';
import type { Row } from './layout.js';
import { operandName } from './parse.js';

/** The generated part of docs/cli.md: the exit codes, then every command. */
export function commandsMarkdown(commands: readonly Command[]): string {
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]);
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const members = commands.filter((command) => command.group === group);
    return `## ${title}\n\n${members.map(commandMarkdown).join('\n')}`;
  });
  return [`## Exit codes\n\n${table(['Code', 'Meaning'], codes)}`, ...groups].join('\n');
}

function commandMarkdown(command: Command): string {
  const { name, summary, about = [], operands, examples } = command;
  const shown = examples.map(({ line, does }) => `# ${does}\n${line}`).join('\n\n');
  const arguments_ = Object.entries(operands).map(([operand, { help }]) => [
    code(operandName(operand)),
    help,
  ]);
  const options = [...optionGroups(command)]
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => rowTable(title === 'Options' ? 'Option' : title, rows));
  return [
    `### sluice ${name}\n\n${summary}.\n`,
    ...about.map((paragraph) => `${escape(paragraph)}\n`),
    `\`\`\`sh\n${usageOf(command)}\n\`\`\`\n`,
    `\`\`\`sh\n${shown}\n\`\`\`\n`,
    ...(arguments_.length === 0 ? [] : [table(['Argument', ''], arguments_)]),
    ...options,
    table(
      ['Exit code', ''],
      exitRows(command).map(({ first, text }) => [first, text]),
    ),
  ].join('\n');
}

function rowTable(title: string, rows: readonly Row[]): string {
  return table(
    [title, ''],
    rows.map(({ first, text }) => [code(first), text]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map((cells) => line(cells.map(escape))).join('');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** What would end a cell, or be taken for markup. */
function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

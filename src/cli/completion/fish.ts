import type { Completion } from '../frame/option.js';
import type { CommandWords, OptionWords } from './words.js';

export function fishScript(commands: readonly CommandWords[]): string {
  const lines = [
    '# fish completion for sluice: sluice completion fish > ~/.config/fish/completions/sluice.fish',
    'complete -c sluice -f',
    `complete -c sluice -n __fish_use_subcommand -l help -d ${quote('What there is.')}`,
    `complete -c sluice -n __fish_use_subcommand -l version -d ${quote('The version.')}`,
  ];
  for (const { name, summary, options, operands } of commands) {
    const after = `-n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
    lines.push(`complete -c sluice -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`);
    for (const option of options) lines.push(`complete -c sluice ${after} ${optionText(option)}`);
    const words = operands.flatMap((operand) => (typeof operand === 'string' ? [] : operand));
    if (words.length > 0) lines.push(`complete -c sluice ${after} -a ${quote(words.join(' '))}`);
    if (operands.includes('file')) lines.push(`complete -c sluice ${after} -F`);
  }
  return `${lines.join('\n')}\n`;
}

function optionText({ names, help, value }: OptionWords): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...flags, ...valueText(value), `-d ${quote(help)}`].join(' ');
}

function valueText(value: Completion | undefined): readonly string[] {
  if (value === undefined) return [];
  if (value === 'file') return ['-r', '-F'];
  return value === 'nothing' ? ['-x'] : ['-x', `-a ${quote(value.join(' '))}`];
}

/** Fish's single quotes, in which a backslash and a quote are escaped. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

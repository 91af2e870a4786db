import { settingsOf } from '../../config/setting.js';
import { schema } from '../../config/schema.js';
import type { Command } from '../frame/command.js';
import { flagName, type Completion } from '../frame/option.js';

/** What there is to complete of a command: the one source of every shell's script. */
export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  /** What may stand at each place of its operands; the last one also beyond it where it takes all that is left. */
  readonly operands: readonly Completion[];
  readonly takesMany: boolean;
}

export interface OptionWords {
  /** As they are written: `--output`, `-o`. */
  readonly names: readonly string[];
  readonly help: string;
  /** Of its value; undefined where it takes none. */
  readonly value: Completion | undefined;
}

const HELP: OptionWords = { names: ['--help', '-h'], help: 'What the command takes.', value: undefined };

export function wordsOf(commands: readonly Command[]): readonly CommandWords[] {
  const names = commands.map(({ name }) => name);
  return commands.map((command) => {
    const operands = Object.values(command.operands);
    return {
      name: command.name,
      summary: command.summary,
      options: [...optionsOf(command), HELP],
      operands: operands.map(({ words, completesFiles }) => words ?? (completesFiles ? 'file' : 'nothing')),
      takesMany: operands.at(-1)?.many ?? false,
      // The only operand that no declaration can know.
      ...(command.name === 'help' ? { operands: [names] } : {}),
    };
  });
}

function optionsOf(command: Command): readonly OptionWords[] {
  const own = Object.entries(command.options).map(([name, { short, help, format, completion }]) => ({
    names: [flagName(name), ...(short === undefined ? [] : [`-${short}`])],
    help,
    value: format === undefined ? undefined : completion,
  }));
  return command.takesConfiguration === true ? [...own, ...configurationOptions()] : own;
}

function configurationOptions(): readonly OptionWords[] {
  const keys = settingsOf(schema).map(({ flag, setting }) => ({
    names: [flag],
    help: firstSentence(setting.doc),
    value: 'nothing' as const,
  }));
  return [{ names: ['--config'], help: 'The file with the configuration.', value: 'file' }, ...keys];
}

function firstSentence(doc: string): string {
  return /^.*?\.(?= |$)/s.exec(doc)?.[0].replaceAll(/\s+/g, ' ') ?? doc;
}

import { commandNamed } from './command-line.js';
import type { Command } from './frame/command.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { commandHelp, overview } from './frame/help.js';

/** `sluice help [COMMAND]` */
export function showHelp(name: string | undefined, io: CommandIo, commands: readonly Command[]): number {
  const { stdout } = io;
  stdout.write(
    name === undefined ? overview(commands, stdout) : commandHelp(commandNamed(name, commands), stdout),
  );
  return exitCode('ok');
}

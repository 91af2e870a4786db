import { bashScript } from './completion/bash.js';
import { fishScript } from './completion/fish.js';
import { wordsOf } from './completion/words.js';
import { zshScript } from './completion/zsh.js';
import type { Command } from './frame/command.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** `sluice completion SHELL` */
export function completion(shell: keyof typeof SCRIPTS, io: CommandIo, commands: readonly Command[]): number {
  io.stdout.write(SCRIPTS[shell](wordsOf(commands)));
  return exitCode('ok');
}

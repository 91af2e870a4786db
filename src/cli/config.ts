import { loadConfig } from '../config/load.js';
import { ConfigError, showMistake } from '../config/mistake.js';
import { printConfig } from '../config/print.js';
import { StartError } from '../core/start-error.js';
import { checkFiles } from '../gateway-files.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';

/** `sluice config check|print`: `flags` are the configuration's. */
export function configCommand(
  action: 'check' | 'print',
  flags: readonly string[],
  { env, stdout, stderr }: Pick<CommandIo, 'env' | 'stdout' | 'stderr'>,
): number {
  try {
    const loaded = loadConfig({ argv: flags, env });
    if (action === 'print') {
      stdout.write(printConfig(loaded));
      return exitCode('ok');
    }
    const files = checkFiles(loaded.config);
    const warnings = [...loaded.warnings.map(showMistake), ...files.warnings];
    for (const warning of warnings) stderr.write(`warning: ${warning}\n`);
    for (const fault of files.faults) stderr.write(`${fault}\n`);
    if (files.faults.length > 0) return exitCode('config');
    stdout.write(`The configuration is right${fileNote(loaded.file)}.\n`);
    return exitCode('ok');
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
    stderr.write(`${error.message}\n`);
    return exitCode('config');
  }
}

function fileNote(file: string | undefined): string {
  return file === undefined ? ' (no file was named)' : ` (${file})`;
}

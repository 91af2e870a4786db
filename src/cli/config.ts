import { loadConfig } from '../config/load.js';
import { ConfigError } from '../config/mistake.js';
import { printConfig } from '../config/print.js';

/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;

const USAGE = `Usage: sluice config check|print [--config FILE] [--KEY VALUE ...]

  check   reads the configuration as the gateway would, and says everything that is wrong with it
  print   prints the configuration as YAML, with the source of each value; secrets are masked

Exit code: 0, or 78 where the configuration is wrong.
`;

export interface CommandOutput {
  /** Writes text, which brings its own line ends, to the standard output. */
  readonly out: (text: string) => void;
  /** The same for the standard error. */
  readonly err: (text: string) => void;
}

/** `sluice config …`: `argv` is what follows "config". Resolves to the exit code. */
export function configCommand(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  { out, err }: CommandOutput,
): Promise<number> {
  const [action, ...flags] = argv;
  if (action === '--help' || action === '-h') {
    out(USAGE);
    return Promise.resolve(0);
  }
  if (action !== 'check' && action !== 'print') {
    err(USAGE);
    return Promise.resolve(EX_USAGE);
  }
  try {
    const loaded = loadConfig({ argv: flags, env });
    out(action === 'print' ? printConfig(loaded) : `The configuration is right${fileNote(loaded.file)}.\n`);
    return Promise.resolve(0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    err(`${error.message}\n`);
    return Promise.resolve(error.exitCode);
  }
}

function fileNote(file: string | undefined): string {
  return file === undefined ? ' (no file was named)' : ` (${file})`;
}

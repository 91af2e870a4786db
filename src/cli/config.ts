import { loadConfig } from '../config/load.js';
import { ConfigError, showMistake } from '../config/mistake.js';
import { nearest } from '../config/nearest.js';
import { printConfig } from '../config/print.js';
import { StartError } from '../core/start-error.js';
import { checkFiles } from '../gateway-files.js';

/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;
/** sysexits.h: something was found in an unconfigured or misconfigured state. */
const EX_CONFIG = 78;

const ACTIONS = ['check', 'print'] as const;

const USAGE = `Usage: sluice config check|print [--config FILE] [--KEY VALUE ...]

  check   reads the configuration and the files it names as the gateway would, and says everything
          that is wrong; what is allowed but perhaps not meant is a line "warning: ..."
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
  output: CommandOutput,
): Promise<number> {
  return Promise.resolve(run(argv, env, output));
}

function run(argv: readonly string[], env: NodeJS.ProcessEnv, { out, err }: CommandOutput): number {
  const [action, ...flags] = argv;
  if (argv.includes('--help') || argv.includes('-h')) {
    out(USAGE);
    return 0;
  }
  if (action !== 'check' && action !== 'print') {
    err(action === undefined ? USAGE : `${noSuchAction(action)}\n\n${USAGE}`);
    return EX_USAGE;
  }
  try {
    const loaded = loadConfig({ argv: flags, env });
    if (action === 'print') {
      out(printConfig(loaded));
      return 0;
    }
    const files = checkFiles(loaded.config);
    const warnings = [...loaded.warnings.map(showMistake), ...files.warnings];
    for (const warning of warnings) err(`warning: ${warning}\n`);
    for (const fault of files.faults) err(`${fault}\n`);
    if (files.faults.length > 0) return EX_CONFIG;
    out(`The configuration is right${fileNote(loaded.file)}.\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
    err(`${error.message}\n`);
    return EX_CONFIG;
  }
}

function noSuchAction(action: string): string {
  const meant = nearest(action, ACTIONS);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return action.startsWith('-')
    ? 'sluice config: say first what to do, check or print'
    : `sluice config: there is no action "${action}"${hint}`;
}

function fileNote(file: string | undefined): string {
  return file === undefined ? ' (no file was named)' : ` (${file})`;
}

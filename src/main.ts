#!/usr/bin/env node
import { configCommand } from './cli/config.js';
import { runGateway } from './cli/serve.js';
import { VERSION } from './version.js';

/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;

const USAGE = `Usage: sluice [serve] [--config FILE] [--KEY VALUE ...]
       sluice config check|print [--config FILE] [--KEY VALUE ...]
       sluice --help | --version

  serve    runs the gateway until SIGTERM or SIGINT; the default
  config   check: says everything that is wrong with the configuration
           print: shows every value and where it comes from

Every key of docs/configuration.md is a flag, for example --server.maxSockets 7000
`;

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === 'help' || (command !== 'config' && (argv.includes('--help') || argv.includes('-h')))) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command === '--version' || command === '-v') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (command === 'config') {
    return configCommand(rest, process.env, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    });
  }
  if (command === 'serve') return runGateway({ argv: rest });
  if (command === undefined || command.startsWith('-')) return runGateway({ argv });
  process.stderr.write(`sluice: there is no command "${command}"\n\n${USAGE}`);
  return EX_USAGE;
}

process.exitCode = await main(process.argv.slice(2));

import { nearest } from '../config/nearest.js';
import type { Command } from './frame/command.js';
import { CommandError, OutputGone, Stopped } from './frame/command-error.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { commandHelp, overview } from './frame/help.js';
import { parseCommand } from './frame/parse.js';
import { visible } from './frame/text-width.js';

const HELP = ['--help', '-h'];
const VERSION = ['--version', '-v', '-V', 'version'];

/**
 * Runs `sluice …`: `argv` is what follows the name. Resolves to the exit code;
 * rejects only for a fault of Sluice itself. `takeOver` is called before a
 * command that leaves signals and faults to its surroundings.
 */
export async function runCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  io: CommandIo,
  takeOver: () => void = () => undefined,
): Promise<number> {
  const code = await codeOf(argv, commands, io, takeOver);
  await allIsWritten(io);
  const reason: unknown = io.signal.reason;
  if (!(reason instanceof OutputGone)) return code;
  if (!reason.isClosed) io.stderr.write(`sluice: ${visible(reason.message)}\n`);
  return code === exitCode('ok') ? reason.exitCode : code;
}

async function codeOf(
  argv: readonly string[],
  commands: readonly Command[],
  io: CommandIo,
  takeOver: () => void,
): Promise<number> {
  let name = 'sluice';
  try {
    const [first] = argv;
    if (first === undefined) return withoutCommand(commands, io);
    if (HELP.includes(first)) {
      io.stdout.write(overview(commands, io.stdout));
      return exitCode('ok');
    }
    if (VERSION.includes(first)) {
      io.stdout.write(`${io.version}\n`);
      return exitCode('ok');
    }
    const isNamed = !first.startsWith('-');
    const command = commandNamed(isNamed ? first : 'serve', commands);
    name = `sluice ${command.name}`;
    const parsed = parseCommand(command, isNamed ? argv.slice(1) : argv, io.env);
    if (parsed.help) {
      io.stdout.write(commandHelp(command, io.stdout));
      return exitCode('ok');
    }
    if (command.ownsProcess !== true) takeOver();
    return await command.run(parsed.args, io, commands);
  } catch (error) {
    if (error === io.signal.reason && error instanceof Stopped) return error.exitCode;
    if (!(error instanceof CommandError)) throw error;
    io.stderr.write(`${name}: ${visible(error.message)}\n`);
    return error.exitCode;
  }
}

/** Throws `CommandError` where there is none of this name. */
export function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) return command;
  const meant = nearest(
    name,
    commands.map((one) => one.name),
  );
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new CommandError('usage', `there is no command ${JSON.stringify(name)}${hint} (see: sluice help)`);
}

/**
 * `sluice` alone is somebody who wants to know what there is. Or a service that
 * was meant to serve: where nobody sits at a terminal it fails, and says so.
 */
function withoutCommand(commands: readonly Command[], io: CommandIo): number {
  io.stdout.write(overview(commands, io.stdout));
  if (io.stdin.isTerminal || io.stdout.isTerminal) return exitCode('ok');
  throw new CommandError('usage', 'say what to do: `sluice serve` runs the gateway.');
}

/** Resolves when the output has taken everything; or nobody waits for that any more. */
function allIsWritten({ stdout, signal }: CommandIo): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const settle = (): void => {
      signal.removeEventListener('abort', settle);
      resolve();
    };
    signal.addEventListener('abort', settle);
    void stdout.written().then(settle);
  });
}

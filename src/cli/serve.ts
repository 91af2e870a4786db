import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { loadConfig } from '../config/load.js';
import { createLogger } from '../config/logger.js';
import { ConfigError, showMistake } from '../config/mistake.js';
import { StartError } from '../core/start-error.js';
import { Gateway, takeLibraryLog, type GatewayOptions } from '../gateway.js';
import { exitCode } from './frame/exit-codes.js';
import { ReloadSignal } from './reload-signal.js';
import { StopSignals } from './stop-signals.js';

export interface RunOptions extends Omit<GatewayOptions, 'config' | 'logger' | 'clock'> {
  /** Default: the process's own, without node and the script. */
  readonly argv?: readonly string[];
  /** Default: the process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a gateway as the command `sluice serve` does, with routes of your own:
 * reads the configuration from flags, environment and file, and serves until
 * SIGTERM or SIGINT. What a person has to mend is one line on standard error.
 * Resolves to the exit code: 0 after a graceful stop, 78 for a wrong
 * configuration, 1 where something could not be opened; a second signal ends
 * the process at once with 128 + its number.
 */
export async function runGateway(options: RunOptions = {}): Promise<number> {
  // Where even the standard error is gone, the exit code still tells.
  process.stderr.on('error', () => undefined);
  try {
    return await run(options);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof StartError) {
      process.stderr.write(`${error.message}\n`);
      return exitCode('failed');
    }
    throw error;
  }
}

async function run({
  argv = process.argv.slice(2),
  env = process.env,
  ...parts
}: RunOptions): Promise<number> {
  const { config, warnings } = loadConfig({ argv, env });
  const logger = createLogger(config);
  for (const warning of warnings) logger.warn({ key: warning.key }, showMistake(warning));
  const gateway = new Gateway({ ...parts, config, logger });
  takeLibraryLog(logger, gateway.clock);

  // A route's promise that nobody looked at is a fault of that route, not a reason to drop every client.
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'a promise was rejected and nobody looked');
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'a fault that nothing caught');
    process.exit(exitCode('software'));
  });
  // "Hang up" means what it says where there is a terminal, which may be gone when it arrives; services are
  // told by it to read their files again.
  const stopSignals: NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
  const reload = new ReloadSignal(gateway.clock, () => {
    gateway.reload();
  });
  if (isatty(0) || isatty(1)) stopSignals.push('SIGHUP');
  else {
    process.on('SIGHUP', () => {
      reload.on();
    });
  }

  const stopped = untilStopped(gateway, stopSignals, (signal) => {
    logger.warn({ signal, connections: gateway.connections }, 'second signal: ending at once');
  });
  await gateway.start();
  const code = await stopped;
  reload.stop();
  logger.flush();
  return code;
}

/** Stops the gateway on the first of the signals; a second one ends the process at once. */
function untilStopped(
  gateway: Gateway,
  signals: readonly NodeJS.Signals[],
  onSecond: (signal: NodeJS.Signals) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = new StopSignals(gateway.clock);
    const onSignal = (signal: NodeJS.Signals): void => {
      const decision = stop.on(signal);
      if (decision === 'echo') return;
      if (decision === 'end') {
        onSecond(signal);
        process.exit(128 + constants.signals[signal]);
      }
      if (signal === 'SIGHUP') {
        process.once('beforeExit', () => {
          endWithTerminal(onSignal);
        });
      }
      gateway.stop().then(() => {
        resolve(0);
      }, reject);
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}

/**
 * Node restores a terminal's modes as it ends, and aborts when that terminal is
 * gone by then. So where it is gone, the process ends by the signal that said so.
 */
function endWithTerminal(onSignal: (signal: NodeJS.Signals) => void): void {
  if (isatty(0) || isatty(1)) return;
  process.off('SIGHUP', onSignal);
  process.kill(process.pid, 'SIGHUP');
}

import { constants } from 'node:os';
import { loadConfig } from '../config/load.js';
import { createLogger } from '../config/logger.js';
import { ConfigError } from '../config/mistake.js';
import { StartError } from '../core/start-error.js';
import { Gateway } from '../gateway.js';

/** The gateway could not start: an occupied port, an unreadable certificate. */
const EXIT_START = 1;
/** sysexits.h: an internal software error has been detected. */
const EX_SOFTWARE = 70;

/**
 * `sluice serve`: runs the gateway. Resolves to the exit code: 0 after a
 * graceful stop, 78 for a wrong configuration, 1 where something could not be
 * opened, 128 + the signal when a second signal ended it at once.
 */
export async function serve(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await run(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof StartError) {
      process.stderr.write(`${error.message}\n`);
      return EXIT_START;
    }
    throw error;
  }
}

async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { config } = loadConfig({ argv, env });
  const logger = createLogger(config);
  const gateway = new Gateway({ config, logger });

  // A route's promise that nobody looked at is a fault of that route, not a reason to drop every client.
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'a promise was rejected and nobody looked');
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'a fault that nothing caught');
    process.exit(EX_SOFTWARE);
  });
  process.on('SIGHUP', () => {
    gateway.reloadTls();
  });

  const stopped = untilStopped(gateway, (signal) => {
    logger.warn({ signal, connections: gateway.connections }, 'second signal: ending at once');
  });
  await gateway.start();
  return stopped;
}

/** Stops the gateway on the first SIGTERM or SIGINT; a second one ends the process at once. */
function untilStopped(gateway: Gateway, onSecond: (signal: NodeJS.Signals) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) {
        onSecond(signal);
        process.exit(128 + constants.signals[signal]);
      }
      stopping = true;
      gateway.stop().then(() => {
        resolve(0);
      }, reject);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

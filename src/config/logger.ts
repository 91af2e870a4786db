import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { LogOutput } from './log-output.js';
import { HIDDEN } from './raw.js';
import { readableLines } from './readable-log.js';
import type { Config } from './schema.js';

/** Names under which a secret can come into a line: calls' metadata, HTTP headers, tokens of the protocol. */
const SECRETS = ['authorization', 'cookie', 'token', 'resumeToken', 'password', 'secret'];
const SECRET_PATHS = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

const STANDARD_OUTPUT = 1;

/** Who reads what is written to a destination. */
export interface LogReader {
  /** A person at a terminal: `log.format` auto is `pretty`, with colours. Default false. */
  readonly terminal?: boolean;
  /** Where NO_COLOR and TERM are looked up. Default: the process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * The log of the process: one line an event, with time (ISO 8601, UTC), level,
 * the service and the node. Secrets are masked, three levels deep, wherever
 * they go by a name that tells. Written to the standard output unless a
 * destination is given; when that can't be written, the log is given up and
 * the process goes on.
 */
export function createLogger(
  config: Pick<Config, 'log' | 'node'>,
  destination?: DestinationStream,
  reader: LogReader = { terminal: destination === undefined && isatty(STANDARD_OUTPUT) },
): Logger {
  const { terminal = false, env = process.env } = reader;
  const target = destination ?? standardOutput();
  const options = {
    level: config.log.level,
    base: { service: 'sluice', node: config.node.id },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_PATHS, censor: HIDDEN },
  };
  const format = config.log.format === 'auto' ? (terminal ? 'pretty' : 'json') : config.log.format;
  const colour = terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return pino(options, format === 'pretty' ? readableLines(target, { colour }) : target);
}

function standardOutput(): LogOutput {
  const output = new LogOutput(notBlocking(STANDARD_OUTPUT));
  process.once('exit', () => {
    output.flushSync();
  });
  return output;
}

/**
 * A descriptor for the standard output that does not block: a reader that has
 * stopped (Ctrl-S, a paused pager, a journal in trouble) would keep a thread,
 * and with it the process from ending. For a pipe or terminal it is one of our
 * own, for others hold the given one too. A file has no reader to wait for.
 */
function notBlocking(fd: 1): number {
  try {
    const stat = fstatSync(fd);
    if (stat.isSocket()) {
      // Sockets can't be opened again; Node's own stream for it makes it non-blocking when it is first asked for.
      return process.stdout.fd;
    }
    if (!isatty(fd) && !stat.isFIFO()) return fd;
    return openSync(
      `/proc/self/fd/${String(fd)}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return fd;
  }
}

import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { HIDDEN } from './raw.js';
import { readableLines } from './readable-log.js';
import type { Config } from './schema.js';

/** Names under which a secret can come into a line: calls' metadata, HTTP headers, tokens of the protocol. */
const SECRETS = ['authorization', 'cookie', 'token', 'resumeToken', 'password', 'secret'];
const SECRET_PATHS = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * The log of the process: one line an event, with time (ISO 8601, UTC), level,
 * the service and the node. Secrets are masked, three levels deep, wherever
 * they go by a name that tells. Written to the standard output unless a
 * destination is given.
 */
export function createLogger(config: Pick<Config, 'log' | 'node'>, destination?: DestinationStream): Logger {
  const target = destination ?? pino.destination({ fd: 1 });
  const options = {
    level: config.log.level,
    base: { service: 'sluice', node: config.node.id },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_PATHS, censor: HIDDEN },
  };
  return pino(options, config.log.format === 'pretty' ? readableLines(target) : target);
}

import type { Logger } from './logger.js';

/** A logger whose every line has these fields; those of the line go before them. */
export function boundLogger(logger: Logger, bound: object): Logger {
  return {
    debug: (fields, message) => {
      logger.debug({ ...bound, ...fields }, message);
    },
    info: (fields, message) => {
      logger.info({ ...bound, ...fields }, message);
    },
    warn: (fields, message) => {
      logger.warn({ ...bound, ...fields }, message);
    },
    error: (fields, message) => {
      logger.error({ ...bound, ...fields }, message);
    },
  };
}

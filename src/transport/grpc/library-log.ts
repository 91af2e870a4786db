import { setLogger } from '@grpc/grpc-js';
import type { Clock } from '../../core/clock.js';
import { LimitedLog, type TransportLogger } from '../net/limited-log.js';

const INTERVAL_MS = 10_000;
const MAX_TEXT_LENGTH = 300;
/** grpc-js repeats the metadata it can't use, name and value: a token among them would be told. */
const METADATA_VALUE = /^(Failed to add metadata entry [^:]*:).*$/s;

/**
 * Sends what grpc-js calls errors to `logger`, as warnings (they are mostly a
 * client's fault): cut to 300 characters, without values of metadata, one in 10 s. Without it they go to
 * standard error, whole and without end. What GRPC_TRACE and GRPC_VERBOSITY ask
 * for beyond errors still goes there. For a program of its own: grpc-js has one
 * logger a process.
 */
export function takeLibraryLog(logger: TransportLogger, clock: Clock): void {
  const errors = new LimitedLog(logger, clock, INTERVAL_MS);
  const write = (...words: readonly unknown[]): void => {
    process.stderr.write(`${words.map(String).join(' ')}\n`);
  };
  setLogger({
    error: (...words: readonly unknown[]) => {
      const text = words.map(String).join(' ').replace(METADATA_VALUE, '$1 its value is not one (not shown)');
      errors.warn(
        { text: text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text },
        'grpc-js reported an error',
      );
    },
    info: write,
    debug: write,
  });
}

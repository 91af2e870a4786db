import { errorText } from '../../core/error-text.js';
import { CommandError } from './command-error.js';
import { flagName } from './option.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/** How a file is called in a message: by the option that names it. */
export function fileOf(option: string, path: string): string {
  return `${flagName(option)} = ${JSON.stringify(path)}`;
}

/** What is said of an input, or a file, whose reading failed with `error`. */
export function unreadable(what: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new CommandError('noInput', `${what}: ${REASONS[code] ?? errorText(error)}`, { cause: error });
}

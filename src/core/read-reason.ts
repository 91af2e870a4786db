import { errorText } from './error-text.js';

/** Why a file could not be read, for a person: the system's own words name the call and the path again. */
export function readReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return errorText(error);
  }
}

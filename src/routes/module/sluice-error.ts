import { errorCatalogue, type ErrorCode, SluiceError } from '../../core/errors.js';

/**
 * The same error as one of ours, where it is a SluiceError of another copy of
 * the package: a module's own, beside the one that runs.
 */
export function ownError(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'SluiceError' || error instanceof SluiceError) return error;
  const { code, retryAfterMs } = error as { readonly code?: unknown; readonly retryAfterMs?: unknown };
  if (typeof code !== 'string' || !Object.hasOwn(errorCatalogue, code)) return error;
  return new SluiceError(code as ErrorCode, error.message, {
    cause: error.cause,
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
  });
}

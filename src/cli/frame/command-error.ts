import { exitCode, type ExitName } from './exit-codes.js';

/** A command can't go on: one sentence for a person, and what the process ends with. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(exit: ExitName, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode(exit);
  }
}

/** Why `CommandIo.signal` fired. A command that rejects with it ends quietly with its code. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly exitCode: number;

  constructor(message: string, code: number) {
    super(message);
    this.exitCode = code;
  }
}

/** Nobody takes the output any more: what was done well, but could not be said to anybody, is not done. */
export class OutputGone extends Stopped {
  /** Nobody wants to read on, as with `| head`: there is nothing to complain of. */
  readonly isClosed: boolean;

  constructor(error: Error, { isTerminal }: { readonly isTerminal: boolean }) {
    const code = 'code' in error ? error.code : undefined;
    // EIO: of a terminal, that it was closed; of a file, that the disk failed.
    const isClosed = code === 'EPIPE' || (code === 'EIO' && isTerminal);
    super(
      isClosed ? 'nobody reads the output any more' : `the output can not be written: ${error.message}`,
      exitCode(isClosed ? 'closedPipe' : 'failed'),
    );
    this.isClosed = isClosed;
  }
}

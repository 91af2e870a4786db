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

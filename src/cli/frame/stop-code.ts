import { Stopped } from './command-error.js';
import type { CommandIo } from './command-io.js';
import { exitCode } from './exit-codes.js';

/** What a command ends with that was stopped before it was done. */
export function stopCode({ signal }: Pick<CommandIo, 'signal'>): number {
  return signal.reason instanceof Stopped ? signal.reason.exitCode : exitCode('interrupted');
}

/** As `stopCode`, of a command that ends only when it is told to: Ctrl-C is then how it is done. */
export function doneCode(io: Pick<CommandIo, 'signal'>): number {
  const code = stopCode(io);
  return code === exitCode('interrupted') || code === exitCode('terminated') ? exitCode('ok') : code;
}

/** The processes that an example starts: none outlives it, however it ends. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Has the child end with this process, also where that ends by an error; `examples/run.ts` makes an end of signals. */
export function takenAlong<T extends ChildProcess>(child: T): T {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('close', () => process.off('exit', kill));
  return child;
}

/** Asks it to end (SIGTERM); resolves when it has. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}

import type { CommandIo } from '../frame/command-io.js';

/** When the work is done, what is left is not waited for any longer than this. Milliseconds. */
const FAREWELL_MS = 1000;
/** Whoever has pressed Ctrl-C has the prompt again after so long, whatever the gateway does. Milliseconds. */
const STOPPED_MS = 2000;

/** How long a command may take to leave the gateway. Made when it begins: it looks when it is stopped. */
export class Farewell {
  readonly #io: Pick<CommandIo, 'signal' | 'clock'>;
  #endsAt = Infinity;

  constructor(io: Pick<CommandIo, 'signal' | 'clock'>) {
    this.#io = io;
    if (io.signal.aborted) this.#onStop();
    else io.signal.addEventListener('abort', this.#onStop, { once: true });
  }

  /** From now on. Milliseconds. */
  get leftMs(): number {
    return Math.max(0, Math.min(FAREWELL_MS, this.#endsAt - this.#io.clock.now()));
  }

  [Symbol.dispose](): void {
    this.#io.signal.removeEventListener('abort', this.#onStop);
  }

  readonly #onStop = (): void => {
    this.#endsAt = this.#io.clock.now() + STOPPED_MS;
  };
}

import type { Clock } from '../core/clock.js';

/**
 * A Ctrl-C under `npm start` arrives twice: from the terminal, which signals
 * everyone in it, and from npm, which passes its own on. Milliseconds; a
 * person who presses twice is slower, and may press again.
 */
const ECHO_MS = 250;

/** `stop`: leave gracefully; `echo`: nothing new was said; `end`: do not wait any longer. */
export type StopDecision = 'stop' | 'echo' | 'end';

/** Tells the signal that asks to stop from its echo, and from a second one that will not wait. */
export class StopSignals {
  readonly #clock: Clock;
  #first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  on(signal: NodeJS.Signals): StopDecision {
    const atMs = this.#clock.now();
    if (this.#first === undefined) {
      this.#first = { signal, atMs };
      return 'stop';
    }
    return signal === this.#first.signal && atMs - this.#first.atMs < ECHO_MS ? 'echo' : 'end';
  }
}

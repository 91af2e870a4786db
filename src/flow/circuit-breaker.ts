import type { Clock } from '../core/clock.js';

/** `closed`: asks go through. `open`: they don't. `half-open`: one goes, to see whether it is better. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** So many failures in a row open it; at least 1. */
  readonly failures: number;
  /** From its opening until one may try again. */
  readonly pauseMs: number;
  readonly onChange?: (state: BreakerState, before: BreakerState) => void;
}

/** The leave to ask once. Exactly one of these has to follow; what comes after the first is ignored. */
export interface Passage {
  succeeded(): void;
  failed(): void;
  /** Nobody was there, or the connection broke: with all others that were under way then it counts as one failure. */
  cutOff(): void;
  /** Whoever wanted to know is gone: it says nothing about the one who was asked. */
  abandoned(): void;
}

interface Closed {
  readonly kind: 'closed';
  /** In a row, by the order in which they ended. */
  failures: number;
  /** Those counted of `cutOff`. */
  cuts: number;
}
interface Open {
  readonly kind: 'open';
  readonly untilMs: number;
  /** Whether `mayBeWell` ends the pause. */
  readonly endsEarly: boolean;
}
interface HalfOpen {
  readonly kind: 'half-open';
  /** The pause before it was cut short. */
  readonly early: boolean;
  trialUnderWay: boolean;
}
type State = Closed | Open | HalfOpen;

/**
 * Spares one who fails, and those who would wait for it: after some failures in
 * a row nobody asks for a while, then one does, and all go on or wait again by
 * what comes of it. Has no timers: the pause ends with the next one to ask.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  #state: State = closed();

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state.kind;
  }

  /** Whether `tryPass` would give no leave now. */
  get refuses(): boolean {
    const state = this.#state;
    if (state.kind === 'open') return this.#options.clock.now() < state.untilMs;
    return state.kind === 'half-open' && state.trialUnderWay;
  }

  /** When to come back, in milliseconds from now; 0 where the next one may pass. */
  get retryAfterMs(): number {
    if (!this.refuses) return 0;
    // How long a trial takes is not known; if it fails, this is what follows.
    if (this.#state.kind !== 'open') return this.#options.pauseMs;
    return Math.ceil(this.#state.untilMs - this.#options.clock.now());
  }

  /** Undefined: not now. */
  tryPass(): Passage | undefined {
    if (this.refuses) return undefined;
    if (this.#state.kind === 'closed') return this.#passage(this.#state);
    const trial = this.#state.kind === 'open' ? halfOpen(false) : this.#state;
    trial.trialUnderWay = true;
    this.#enter(trial);
    return this.#passage(trial);
  }

  /**
   * Whoever is asked has said since that it is well: the pause is over, and one may try. Not
   * twice: where that one fails, the pause that follows is a whole one.
   */
  mayBeWell(): void {
    if (this.#state.kind === 'open' && this.#state.endsEarly && this.refuses) this.#enter(halfOpen(true));
  }

  /** What ends after the state it began in is over is old news, and changes nothing. */
  #passage(state: Closed | HalfOpen): Passage {
    const cutsBefore = state.kind === 'closed' ? state.cuts : 0;
    let ended = false;
    const once = (act: () => void) => () => {
      if (ended) return;
      ended = true;
      if (this.#state === state) act();
    };
    return {
      succeeded: once(() => {
        if (state.kind === 'closed') state.failures = 0;
        else this.#enter(closed());
      }),
      failed: once(() => {
        this.#fail(state);
      }),
      cutOff: once(() => {
        if (state.kind === 'closed') {
          // It was under way when the last one was counted.
          if (cutsBefore < state.cuts) return;
          state.cuts += 1;
        }
        this.#fail(state);
      }),
      abandoned: once(() => {
        if (state.kind === 'half-open') state.trialUnderWay = false;
      }),
    };
  }

  #fail(state: Closed | HalfOpen): void {
    if (state.kind === 'closed') {
      state.failures += 1;
      if (state.failures < this.#options.failures) return;
    }
    const untilMs = this.#options.clock.now() + this.#options.pauseMs;
    this.#enter({ kind: 'open', untilMs, endsEarly: state.kind === 'closed' || !state.early });
  }

  #enter(state: State): void {
    if (this.#state === state) return;
    const before = this.#state.kind;
    this.#state = state;
    this.#options.onChange?.(state.kind, before);
  }
}

function closed(): Closed {
  return { kind: 'closed', failures: 0, cuts: 0 };
}

function halfOpen(early: boolean): HalfOpen {
  return { kind: 'half-open', early, trialUnderWay: false };
}

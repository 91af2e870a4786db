import { MAX_TIMER_MS, SystemClock, type Clock, type Timer } from '../core/clock.js';

/** More callbacks than this without an end in sight is a loop in the code under test, not a long test. */
const MAX_CALLBACKS = 1_000_000;

/** For how long `until` moves time: longer than any limit of the gateway or of a client. */
const DEFAULT_UNTIL_MS = 600_000;

/** Turns of the event loop in which nothing of ours runs. */
const MAX_IDLE_TURNS = 1_000;

interface FakeTimer extends Timer {
  readonly dueMs: number;
  callback: (() => void) | undefined;
}

export interface FakeClockOptions {
  /** What `now()` starts at, in milliseconds. Default 1,000, so that 0 is never mistaken for a time. */
  readonly startMs?: number;
  /** What `wallNow()` starts at, in Unix milliseconds. Default 2024-01-01T00:00:00Z. */
  readonly wallStartMs?: number;
  /**
   * `held`: immediates wait until they are run. `run`: they run by themselves, in
   * turns of the event loop, and only time stands still. Default `held`.
   */
  readonly immediates?: 'held' | 'run';
}

/**
 * Time that a test moves by hand. Nothing runs by itself (but see `immediates`):
 * timers and immediates run inside `advance` and `runImmediates`, timers by due
 * time and, among equals, in the order in which they were set. A callback that throws
 * makes the call that ran it throw; what was to run after it stays pending.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  /** By due time, then by age; cancelled ones keep their place until they are reached. */
  readonly #timers: FakeTimer[] = [];
  #activeTimers = 0;
  #immediates: (() => void)[] = [];
  #moving = false;
  readonly #runsImmediates: boolean;
  /** The event loop has been asked for a turn. */
  #turnAsked = false;

  constructor(options: FakeClockOptions = {}) {
    this.#runsImmediates = options.immediates === 'run';
    this.#nowMs = options.startMs ?? 1_000;
    this.#wallOffsetMs = (options.wallStartMs ?? Date.UTC(2024, 0, 1)) - this.#nowMs;
  }

  /** Timers set and neither fired nor cancelled: what a stopped part must leave at 0. */
  get activeTimers(): number {
    return this.#activeTimers;
  }

  /** Immediates that wait for `runImmediates` or `advance`. */
  get pendingImmediates(): number {
    return this.#immediates.length;
  }

  /** All that has yet to run: timers and immediates. */
  get pending(): number {
    return this.#activeTimers + this.#immediates.length;
  }

  /** Milliseconds until the next timer is due; undefined when none is set. */
  get nextTimerInMs(): number | undefined {
    const next = this.#timers.find((timer) => timer.callback !== undefined);
    return next === undefined ? undefined : next.dueMs - this.#nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('FakeClock.setTimeout: the delay is not a number');
    const timer: FakeTimer = {
      dueMs: this.#nowMs + Math.min(Math.max(0, delayMs), MAX_TIMER_MS),
      callback,
      cancel: () => {
        this.#take(timer);
      },
    };
    this.#timers.splice(this.#placeAfter(timer.dueMs), 0, timer);
    this.#activeTimers += 1;
    return timer;
  }

  // A field, as in SystemClock, so that it may be passed on without its owner.
  readonly setImmediate = (callback: () => void): void => {
    this.#immediates.push(callback);
    if (this.#runsImmediates) this.#askForTurn();
  };

  /**
   * Moves time by `ms`, stopping at each timer on the way, so that a callback
   * sees its own time and what it sets within the span runs too. Immediates run
   * first and after each timer. Promises settle after it returns: where code
   * under test awaits between timers, use `advanceAsync`.
   */
  advance(ms: number): void {
    this.#exclusively(() => {
      const endMs = this.#endOf(ms);
      this.#drainImmediates();
      for (let ran = 0; this.#runNextUntil(endMs); ran += 1) {
        if (ran >= MAX_CALLBACKS) throw new Error('FakeClock: timers set one another without end');
        this.#drainImmediates();
      }
      this.#nowMs = endMs;
    });
  }

  /** Like `advance`, and lets promises settle before, between and after the timers. */
  async advanceAsync(ms: number): Promise<void> {
    const endMs = this.#endOf(ms);
    await this.settle();
    for (let ran = 0; this.#exclusively(() => this.#runNextUntil(endMs)); ran += 1) {
      if (ran >= MAX_CALLBACKS) throw new Error('FakeClock: timers set one another without end');
      await this.settle();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  /** Runs immediates until none is left, those that they add included. Returns how many ran. */
  runImmediates(): number {
    return this.#exclusively(() => this.#drainImmediates());
  }

  /** Runs immediates and lets promises settle until neither leads to more immediates. Time stands still. */
  async settle(): Promise<void> {
    do {
      this.runImmediates();
      await realTurn();
    } while (this.#immediates.length > 0);
  }

  /**
   * Lets the work go on until `promise` is settled, moving time from timer to
   * timer where it has to, and gives what it resolves or rejects with. Time stands
   * still where no timer is needed. Throws when it is not settled after `maxMs`,
   * and when there is no timer left that could bring it about.
   */
  async until<T>(promise: PromiseLike<T>, maxMs = DEFAULT_UNTIL_MS): Promise<T> {
    const endMs = this.#endOf(maxMs);
    const state = { settled: false };
    const settled = (): void => {
      state.settled = true;
    };
    promise.then(settled, settled);
    for (let idleTurns = 0; ;) {
      await this.settle();
      if (state.settled) return promise;
      const next = this.nextTimerInMs;
      if (next === undefined) {
        // What the platform does by itself, hashing for example, takes turns of its own.
        idleTurns += 1;
        if (idleTurns > MAX_IDLE_TURNS)
          throw new Error('FakeClock: nothing is left that could settle what is waited for');
      } else if (this.#nowMs + next > endMs) {
        throw new Error(`FakeClock: what is waited for takes longer than ${maxMs} ms`);
      } else await this.advanceAsync(next);
    }
  }

  #endOf(ms: number): number {
    if (!(ms >= 0)) throw new RangeError(`FakeClock: time moves forward only, not by ${ms} ms`);
    return this.#nowMs + ms;
  }

  #askForTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    new SystemClock().setImmediate(() => {
      this.#turnAsked = false;
      this.#exclusively(() => {
        this.#runTurn(0);
      });
    });
  }

  /** Index behind the last timer that is due at or before `dueMs`. */
  #placeAfter(dueMs: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle]?.dueMs ?? Infinity) <= dueMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Its callback, once: a timer fires or is cancelled, never both. */
  #take(timer: FakeTimer): (() => void) | undefined {
    const callback = timer.callback;
    if (callback === undefined) return undefined;
    timer.callback = undefined;
    this.#activeTimers -= 1;
    return callback;
  }

  /** Runs the next timer that is due by `endMs`; false when there is none. */
  #runNextUntil(endMs: number): boolean {
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || (next.callback !== undefined && next.dueMs > endMs)) return false;
      this.#timers.shift();
      const callback = this.#take(next);
      if (callback === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      callback();
      return true;
    }
  }

  #drainImmediates(): number {
    let ran = 0;
    while (this.#immediates.length > 0) ran = this.#runTurn(ran);
    return ran;
  }

  /** Those there are now, not those that they add. Returns how many have run, with those `before`. */
  #runTurn(before: number): number {
    const turn = this.#immediates;
    this.#immediates = [];
    for (const [index, callback] of turn.entries()) {
      if (before + index >= MAX_CALLBACKS)
        throw new Error('FakeClock: immediates set one another without end');
      try {
        callback();
      } catch (error) {
        this.#immediates = [...turn.slice(index + 1), ...this.#immediates];
        throw error;
      }
    }
    return before + turn.length;
  }

  /** A callback that moved time under the caller's feet would run timers out of order. */
  #exclusively<T>(move: () => T): T {
    if (this.#moving) throw new Error('FakeClock: time is being moved already; a callback can not move it');
    this.#moving = true;
    try {
      return move();
    } finally {
      this.#moving = false;
    }
  }
}

/** One turn of the real event loop: every promise that can settle by itself has. */
function realTurn(): Promise<void> {
  return new Promise((resolve) => {
    new SystemClock().setImmediate(resolve);
  });
}

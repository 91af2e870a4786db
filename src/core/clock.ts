/**
 * Time as a constructor argument: every part that waits or stamps takes a
 * `Clock`, so that tests move time by hand and a test's teardown can ask how
 * many timers are left. Lint forbids the bare globals elsewhere.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; for intervals. */
  now(): number;
  /** Unix milliseconds; for stamps that leave the process. */
  wallNow(): number;
  /** Runs `callback` once, `delayMs` (0 to 2^31-1) from now. */
  setTimeout(callback: () => void, delayMs: number): Timer;
  /** Runs `callback` once when the current turn's I/O has been handled. */
  setImmediate(callback: () => void): void;
}

export interface Timer {
  /** Idempotent; also safe after the timer has fired. */
  cancel(): void;
}

/** The longest delay a timer of the platform takes; longer ones fire at once there. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

type TimeoutHandle = ReturnType<typeof globalThis.setTimeout>;

class SystemTimer implements Timer {
  readonly #clock: SystemClock;
  readonly #callback: () => void;
  readonly #handle: TimeoutHandle;
  #pending = true;

  constructor(clock: SystemClock, callback: () => void, delayMs: number) {
    this.#clock = clock;
    this.#callback = callback;
    // The timer goes along as an argument: a closure for each would cost more than all its fields.
    this.#handle = globalThis.setTimeout(SystemTimer.#fire, delayMs, this);
  }

  cancel(): void {
    if (!this.#pending) return;
    globalThis.clearTimeout(this.#handle);
    this.#settle();
  }

  static readonly #fire = (timer: SystemTimer): void => {
    timer.#settle();
    timer.#callback();
  };

  #settle(): void {
    this.#pending = false;
    this.#clock.activeTimers -= 1;
  }
}

/** The platform's own time. One per gateway, so that `activeTimers` speaks of it alone. */
export class SystemClock implements Clock {
  /** Timers armed and neither fired nor cancelled; 0 after a clean stop. */
  activeTimers = 0;

  now(): number {
    return performance.now();
  }

  wallNow(): number {
    return Date.now();
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    this.activeTimers += 1;
    return new SystemTimer(this, callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
  }

  readonly setImmediate: (callback: () => void) => void =
    typeof globalThis.setImmediate === 'function'
      ? (callback) => void globalThis.setImmediate(callback)
      : (callback) => void globalThis.setTimeout(callback, 0);
}

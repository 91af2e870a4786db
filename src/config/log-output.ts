import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import { type Clock, SystemClock } from '../core/clock.js';

/** What waits for a reader that does not read; more is dropped, counted and told. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A full pipe or a stopped terminal that does not block says EAGAIN: ask again. */
const RETRY_MS = 10;
/** At the end of the process it is asked so often, with waits of `FLUSH_WAIT_MS`: half a second in all. */
const FLUSH_TRIES = 10;
const FLUSH_WAIT_MS = 50;

export interface LogOutputOptions {
  readonly clock?: Clock;
  /** Where trouble with the log itself is told. Default: the standard error. */
  readonly tell?: (line: string) => void;
  /** Default 4 MiB. */
  readonly maxWaitingBytes?: number;
}

/**
 * The log's way to a file descriptor. A log that can't be written costs the
 * log and nothing else: the first error is told once and lines are given up
 * from there on; a reader that is too slow costs lines (told when it is back),
 * never the process's memory or time. (pino's own destination tries for ever
 * when it is flushed, whatever the error, and has no end to what it keeps.)
 */
export class LogOutput implements DestinationStream {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #tell: (line: string) => void;
  readonly #maxWaitingBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** `written`: handed to the system; `retry`: waits for its next try. */
  #current: { readonly state: 'written' | 'retry'; readonly bytes: Buffer } | undefined;
  #dropped = 0;
  #ending = false;
  #givenUp = false;

  constructor(fd: number, options: LogOutputOptions = {}) {
    this.#fd = fd;
    this.#clock = options.clock ?? new SystemClock();
    this.#tell = options.tell ?? tellStandardError;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? MAX_WAITING_BYTES;
  }

  /** Never throws, never waits. */
  write(line: string): void {
    if (this.#givenUp) return;
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > this.#maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#current === undefined) this.#next();
  }

  /**
   * Writes what waits, now, as far as it can be: for the end of the process.
   * What the system has already been handed it writes itself. Never throws.
   */
  flushSync(): void {
    const held = this.#current?.state === 'retry' ? [this.#current.bytes] : [];
    let bytes = Buffer.concat([...held, ...this.#take()]);
    if (held.length > 0) this.#current = { state: 'retry', bytes: Buffer.alloc(0) };
    for (let tries = 1; bytes.length > 0 && !this.#givenUp;) {
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        if (isBusy(error) && tries < FLUSH_TRIES) {
          tries += 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_WAIT_MS);
        } else this.#giveUp(error);
      }
    }
  }

  /** For an end of the process that comes by itself: what can't be written by now does not hold it up. */
  flush(): void {
    this.#ending = true;
    this.flushSync();
  }

  #next(): void {
    this.#current = undefined;
    if (this.#waiting.length > 0 && !this.#givenUp) this.#send(Buffer.concat(this.#take()));
  }

  #take(): readonly Buffer[] {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return taken;
  }

  #send(bytes: Buffer): void {
    this.#current = { state: 'written', bytes };
    write(this.#fd, bytes, (error, written) => {
      if (isBusy(error) && !this.#ending) this.#retry(bytes);
      else if (error !== null) this.#giveUp(error);
      else if (written < bytes.length) this.#send(bytes.subarray(written));
      else {
        this.#tellDropped();
        this.#next();
      }
    });
  }

  #retry(bytes: Buffer): void {
    this.#current = { state: 'retry', bytes };
    this.#clock.setTimeout(() => {
      // A flush may have written it in the meantime.
      const left = this.#current?.bytes ?? bytes;
      if (left.length > 0 && !this.#givenUp) this.#send(left);
      else this.#next();
    }, RETRY_MS);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#tell(`log: ${String(this.#dropped)} lines dropped, the standard output did not take them in time`);
    this.#dropped = 0;
  }

  #giveUp(error: unknown): void {
    if (this.#givenUp) return;
    this.#givenUp = true;
    this.#current = undefined;
    this.#take();
    this.#tell(
      `log: it can't be written and is given up: ${error instanceof Error ? error.message : 'unknown'}`,
    );
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}

/** One try: the standard error may be gone the same way. */
function tellStandardError(line: string): void {
  try {
    writeSync(2, `sluice: ${line}\n`);
  } catch {
    // Nobody is left to tell.
  }
}

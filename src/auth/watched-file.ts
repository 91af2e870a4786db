import { errorText } from '../core/error-text.js';
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { StartError } from '../core/start-error.js';

export interface WatchedFileOptions<T> {
  /** The configuration key that names the file, for example `auth.static.file`. */
  readonly setting: string;
  readonly file: string;
  /** In the log: "token file in use", for example. */
  readonly what: string;
  readonly maxBytes: number;
  /** Worth a warning when everybody on the machine may read it. */
  readonly secret: boolean;
  /** How often it is looked at again; 0 = only when asked. */
  readonly intervalMs: number;
  /** Throws an Error whose message goes on from the file's name ("is not JSON"), and quotes no secret. */
  readonly parse: (text: string) => T;
  /** A new content is in use. Not called for the first. */
  readonly onChange?: (value: T, previous: T) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A change within so long of the one before may leave size and times of the file as they were. */
const SETTLED_MS = 2_000;
const MAX_REASON_LENGTH = 500;
/** Of the permission bits: everybody may read it. */
const OTHERS_READ = 0o004;

/**
 * A file of the configuration that may change while the gateway runs: read when
 * it is made, again on an interval once started, and on `reload()`. A content
 * that can't be used leaves the last good one in place, with one log line for
 * each distinct fault.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  #digest: string;
  /** Of the content last read, where it says enough to tell that nothing has changed since. */
  #stamp: string | undefined;
  #lastFault: string | undefined;
  #warned = false;
  #timer: Timer | undefined;

  /** Throws a StartError, one sentence that names setting, file and fault, when the file can't be used. */
  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    try {
      const content = this.#read();
      this.#value = options.parse(content.text);
      this.#digest = content.digest;
    } catch (error) {
      throw new StartError(options.setting, this.#sentence(error), { cause: error });
    }
  }

  /** The last good content. */
  get value(): T {
    return this.#value;
  }

  /** Looks at the file again on the interval, until `stop()`. */
  start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { intervalMs, clock } = this.#options;
    if (intervalMs <= 0) return;
    this.#timer = clock.setTimeout(() => {
      this.start();
      if (!this.#isUnchanged()) this.reload();
    }, intervalMs);
  }

  /** Reads the file now; true when a new content is in use. Never throws by what the file holds. */
  reload(): boolean {
    const { parse, onChange, logger, file, what } = this.#options;
    let content;
    let value;
    try {
      content = this.#read();
      if (content.digest === this.#digest) {
        if (this.#lastFault !== undefined) logger.info({ file }, `${what} is as it was again`);
        this.#lastFault = undefined;
        return false;
      }
      value = parse(content.text);
    } catch (error) {
      this.#stamp = undefined;
      this.#keep(this.#sentence(error));
      return false;
    }
    const previous = this.#value;
    this.#value = value;
    this.#digest = content.digest;
    this.#lastFault = undefined;
    logger.info({ file }, `${what} has changed and is in use`);
    onChange?.(value, previous);
    return true;
  }

  /** No more looking. Idempotent; `start()` begins again. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #isUnchanged(): boolean {
    if (this.#stamp === undefined) return false;
    try {
      return stampOf(statSync(this.#options.file)) === this.#stamp;
    } catch {
      return false;
    }
  }

  #read(): { readonly text: string; readonly digest: string } {
    const { file, maxBytes, clock } = this.#options;
    // Before it is opened: opening a named pipe waits for whoever writes.
    requireFile(statSync(file));
    // Without waiting, for it may have become a pipe since. (Windows has neither: undefined counts as 0.)
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      requireFile(stats);
      this.#warnOfReaders(stats);
      const bytes = readBounded(descriptor, stats.size, maxBytes);
      const age = clock.wallNow() - Math.max(stats.mtimeMs, stats.ctimeMs);
      this.#stamp = age > SETTLED_MS ? stampOf(stats) : undefined;
      return { text: decode(bytes), digest: createHash('sha256').update(bytes).digest('base64') };
    } finally {
      closeSync(descriptor);
    }
  }

  #warnOfReaders(stats: Stats): void {
    const { secret, setting, file, logger } = this.#options;
    // Windows keeps its permissions elsewhere: the bits say nothing there.
    if (!secret || this.#warned || process.platform === 'win32' || (stats.mode & OTHERS_READ) === 0) return;
    this.#warned = true;
    logger.warn({ setting, file }, 'a file of secrets can be read by everybody on this machine');
  }

  #keep(fault: string): void {
    if (fault === this.#lastFault) return;
    this.#lastFault = fault;
    const { setting, file, logger } = this.#options;
    logger.error({ setting, file }, `${fault} What it held before stays in use.`);
  }

  #sentence(error: unknown): string {
    const { setting, file } = this.#options;
    const reason = readReason(error).slice(0, MAX_REASON_LENGTH);
    return `${setting}: "${file}" ${reason}.`;
  }
}

function stampOf(stats: Stats): string {
  return `${stats.dev}/${stats.ino}/${stats.size}/${stats.mtimeMs}/${stats.ctimeMs}`;
}

function requireFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'is a directory' : 'is not a regular file');
}

/** No more than the limit, even of a file that grows while it is read. */
function readBounded(descriptor: number, size: number, maxBytes: number): Buffer {
  if (size > maxBytes) throw new Error(`has ${size} bytes, and ${maxBytes} are the most`);
  const bytes = Buffer.allocUnsafe(size + 1);
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (read === 0) return bytes.subarray(0, length);
    length += read;
  }
  throw new Error('grew while it was read');
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('is not UTF-8 text');
  }
}

function readReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return "can't be read: there is no such file";
    case 'EACCES':
    case 'EPERM':
      return "can't be read: this user may not";
    default: {
      const text = errorText(error);
      return error instanceof Error && 'syscall' in error ? `can't be read: ${text}` : text;
    }
  }
}

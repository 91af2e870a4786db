import type { Readable } from 'node:stream';
import type { Clock } from '../../core/clock.js';
import type { Paint } from './paint.js';

/** All a command has of the world. */
export interface CommandIo {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Of Sluice. */
  readonly version: string;
  /**
   * Fires on the first Ctrl-C, SIGTERM or SIGHUP, and when nobody reads the
   * output any more; its reason is a `Stopped`. A command then ends soon, with
   * a summary where it has one. A second signal ends the process at once.
   */
  readonly signal: AbortSignal;
  /**
   * `restore` is called where the process ends without the command: on a
   * second signal, on a fault. It must not wait. Returns how to take it back.
   */
  onAbruptEnd(restore: () => void): () => void;
}

export interface Input {
  readonly isTerminal: boolean;
  /** Of bytes; set an encoding, or decode them. The frame lets go of it when the command has ended. */
  readonly stream: Readable;
  /** Keys one by one, unechoed, Ctrl-C too, instead of lines; nothing where there is no terminal. */
  setRaw(raw: boolean): void;
}

export interface Output {
  readonly isTerminal: boolean;
  /** Of the terminal at this moment; 80 and 24 where there is none. */
  readonly columns: number;
  readonly rows: number;
  /** Colours where they are wanted. */
  readonly paint: Paint;
  /** False when it is time to wait for `drained` before more is written. Never throws: where nobody reads, `signal` fires. */
  write(data: string | Uint8Array): boolean;
  /** Resolves when what was written is on its way, or nobody reads any more. */
  drained(): Promise<void>;
  /** Resolves when everything has been written, or can not be: then `signal` has fired. */
  written(): Promise<void>;
  /** Called after the terminal has another size. Returns how to stop it. */
  onResize(listener: () => void): () => void;
}

import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { type TokenAlgorithm } from '../core/token-algorithms.js';
import {
  candidates,
  keysOfFile,
  type KeyQuestion,
  type VerificationKey,
  type VerificationKeys,
} from './verification-keys.js';
import { WatchedFile } from './watched-file.js';

export interface KeyFileOptions {
  readonly file: string;
  /** `auth.jwt.algorithms`: a file that serves none of them is of no use. */
  readonly algorithms: readonly TokenAlgorithm[];
  /** How often the file is looked at; 0 = only when asked. */
  readonly reloadIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MAX_FILE_BYTES = 1024 * 1024;

/** The keys of `auth.jwt.keyFile`, read again when it changes; the last good ones are kept. */
export class KeyFile implements VerificationKeys {
  readonly #file: WatchedFile<readonly VerificationKey[]>;

  /** Throws a StartError that names the setting, the file and the fault. */
  constructor({ file, algorithms, reloadIntervalMs, clock, logger }: KeyFileOptions) {
    this.#file = new WatchedFile({
      setting: 'auth.jwt.keyFile',
      file,
      what: 'the key file for tokens',
      maxBytes: MAX_FILE_BYTES,
      // Who can read the key of an HS algorithm can sign with it.
      secret: algorithms.some((algorithm) => algorithm.startsWith('HS')),
      intervalMs: reloadIntervalMs,
      parse: (text) => usable(keysOfFile(text), algorithms),
      clock,
      logger,
    });
  }

  keysFor(question: KeyQuestion): readonly VerificationKey[] {
    return candidates(this.#file.value, question);
  }

  start(): void {
    this.#file.start();
  }

  reload(): void {
    this.#file.reload();
  }

  stop(): void {
    this.#file.stop();
  }
}

function usable(
  keys: readonly VerificationKey[],
  algorithms: readonly TokenAlgorithm[],
): readonly VerificationKey[] {
  if (keys.some((key) => key.algorithms.some((each) => algorithms.includes(each)))) return keys;
  const served = [...new Set(keys.flatMap((key) => key.algorithms))].join(', ');
  throw new Error(`holds keys for ${served}, of which auth.jwt.algorithms allows none`);
}

import type { SendOptions } from '../../client/message.js';

/** One message to send. */
export interface InputMessage {
  readonly data: Uint8Array;
  /** How much of the input it takes, where that is not the size of `data`. */
  readonly inputBytes?: number;
  readonly options?: Pick<SendOptions, 'key' | 'metadata' | 'ttlMs'>;
}

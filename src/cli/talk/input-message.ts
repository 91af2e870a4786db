import type { SendOptions } from '../../client/message.js';

/** One message to send. */
export interface InputMessage {
  readonly data: Uint8Array;
  readonly options?: Pick<SendOptions, 'key' | 'metadata' | 'ttlMs'>;
}

import type { SluiceError } from '../core/errors.js';
import type { ProxiedReceiver } from '../transport/proxy-contract.js';
import type { ProxiedCallOptions } from './proxied-call.js';

/** One call between its client and its backend, as whoever answers for all of them sees it. */
export interface CallUnderWay extends ProxiedReceiver {
  /** Bytes that neither side has taken yet. */
  readonly heldBytes: number;
  /** Of these, on their way to the backend, and to the client. */
  readonly heldUpBytes: number;
  readonly heldDownBytes: number;
  /** Of the backend that has it, or had it last; "" before there is one. */
  readonly address: string;
  start(): void;
  /** Ends it for both sides. */
  end(error: SluiceError): void;
  /** Nothing is read from either side until `release`. */
  hold(): void;
  release(): void;
}

export type BeginCall = (options: ProxiedCallOptions) => CallUnderWay;

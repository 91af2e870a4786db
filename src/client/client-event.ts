import type { ClientError } from './client-error.js';

/** What becomes of a client's connections. */
export type ClientEvent =
  | { readonly kind: 'connecting'; readonly address: string }
  | {
      readonly kind: 'connected';
      readonly address: string;
      readonly connectionId: string;
      readonly clientId: string;
      readonly nodeId: string;
    }
  /** `retryInMs`: when the next attempt begins; undefined where there will be none. */
  | {
      readonly kind: 'disconnected';
      readonly address: string;
      readonly error: ClientError | undefined;
      readonly retryInMs: number | undefined;
    }
  /** The gateway asks us to leave this connection (`connection`), or is leaving itself (`gateway`). */
  | {
      readonly kind: 'draining';
      readonly address: string;
      readonly what: 'connection' | 'gateway';
      readonly deadlineMs: number;
    }
  | { readonly kind: 'token-renewed'; readonly address: string }
  | { readonly kind: 'token-failed'; readonly error: ClientError };

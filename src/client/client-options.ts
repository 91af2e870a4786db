import type { Clock } from '../core/clock.js';
import type { Dial } from '../transport/client-contract.js';
import type { ClientEvent } from './client-event.js';
import type { Interceptor } from './interceptor.js';

/** A token, or what gives one: called before each connection and whenever the present one is about to expire. */
export type TokenSource = string | ((signal: AbortSignal) => string | Promise<string>);

export interface ClientOptions {
  /** Shown as `authorization: Bearer …`, and renewed within the stream where it is a function. Default: none. */
  readonly token?: TokenSource;
  /** Who we are, where the gateway takes our word for it: 1 to 128 printable characters. Default: made up, and kept. */
  readonly clientId?: string;
  /** More request metadata: names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Many messages a frame, as many as wait (StreamBatches). Default true. */
  readonly batches?: boolean;
  /** The most sessions a stream carries; the gateway's limit holds too. Default 100. */
  readonly sessionsPerStream?: number;
  /** The most streams, each with its sessions; a gateway takes 16 of a client by default. Default 8. */
  readonly maxStreams?: number;
  /** For how long `open` goes on trying, in milliseconds; 0: the first failure is told. Default 10,000. */
  readonly openTimeoutMs?: number;
  /** Before a new connection: at random between 0 and this, doubled with each failure up to `maxMs`. Default 100 and 30,000. */
  readonly backoff?: { readonly firstMs?: number; readonly maxMs?: number };
  /** How long a connection may take until the gateway's Welcome, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Around open, send and receive; the first is outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Told what becomes of the connections; for logs and lights. It must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
}

/**
 * What the composition root adds; tests bring their own.
 * @internal
 */
export interface ClientParts {
  readonly dial: Dial;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Calls `wake` whenever what was timed may be late: this process, or page, was stopped. Returns what ends that. */
  readonly wakeUps?: (wake: () => void) => () => void;
}

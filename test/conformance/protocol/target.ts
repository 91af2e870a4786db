import type { StreamMethod } from '../../../src/transport/contract.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import type { Settings } from '../../helpers/gateway.js';

/** How a connection ended, as its client sees it. */
export interface Ending {
  /** The gRPC status. */
  readonly status: number;
  /** The catalogue code of its google.rpc.ErrorInfo; "" where there is none. */
  readonly reason: string;
  readonly message: string;
  /** Of its google.rpc.RetryInfo. */
  readonly retryAfterMs: number | undefined;
}

/** One client stream, raw: what is given to `send` goes out as it is. */
export interface Connection {
  /** Everything that has come, in order. Grows by itself. */
  readonly received: readonly DataMessage[];
  readonly ending: Ending | undefined;
  /** In StreamBatches one frame, else a frame each. */
  send(messages: readonly DataMessage[]): void;
  /** A frame with this body, whatever it is. */
  sendBody(body: Uint8Array): void;
  halfClose(): void;
  /** Ends as when the network fails: without a word. */
  break(): void;
  /** Leaves what comes where it is, from now on. */
  stopReading(): void;
  startReading(): void;
}

/** A gateway to be spoken to. */
export interface Target {
  readonly method: StreamMethod;
  /** The name of a route of kind `conformance`. */
  readonly route: string;
  /** The same, with payloads joined. */
  readonly wholeRoute: string;
  connect(metadata: Readonly<Record<string, string>>): Connection;
  /**
   * Resolves with what `condition` gives as soon as that is not undefined, as
   * connections change and, where that is the target's to say, time passes.
   * Rejects with a Timeout when that takes too long.
   */
  until<T>(condition: () => T | undefined, what: () => string): Promise<T>;
  /** The longest time a case may let pass here. */
  readonly maxWaitMs: number;
  sleep(ms: number): Promise<void>;
  /** Whether silent clients are probed as the settings say. */
  readonly probes: boolean;
  /** Makes the gateway leave; resolves when it has. Absent where that is not ours to do. */
  drain?(): Promise<void>;
}

/** Gateways to be spoken to, one for each case. */
export interface TargetSource {
  readonly name: string;
  /** Whether a case may have settings of its own. */
  readonly configurable: boolean;
  /** Cases, by name, that can't be judged there, and why. */
  readonly cannot?: ReadonlyMap<string, string>;
  start(settings: Settings): Promise<Target & AsyncDisposable>;
}

/** What was waited for did not come. */
export class Timeout extends Error {
  override readonly name = 'Timeout';
}

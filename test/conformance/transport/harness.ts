import type { ServedMethod, StreamAcceptor } from '../../../src/transport/contract.js';
import type { StatusDetails } from '../../../src/wire/status-details.js';
import type { DataMessage } from '../../../src/wire/messages.js';

/** How a call ended, as its client sees it. */
export interface ClientEnd {
  /** The gRPC status. */
  readonly code: number;
  readonly message: string;
  readonly details: StatusDetails | undefined;
}

export interface ConformanceClient {
  send(...messages: readonly DataMessage[]): void;
  /** Sends these bytes as the body of a frame. */
  sendBytes(body: Uint8Array): void;
  halfClose(): void;
  cancel(): void;
  /** Leaves what comes where it is, from now on. */
  stopReading(): void;
  startReading(): void;
  /** The next message; undefined when the call is over. */
  receive(): Promise<DataMessage | undefined>;
  readonly ended: Promise<ClientEnd>;
}

export interface ConnectOptions {
  /** Of the calls that are no streams, raw clients alone. */
  readonly method: ServedMethod;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Enforced by the server alone. */
  readonly serverDeadlineMs?: number;
  /** The client sends raw bodies; it has no need to receive. */
  readonly raw?: boolean;
}

export interface RunningTransport {
  readonly faults: readonly unknown[];
  connect(options: ConnectOptions): ConformanceClient;
  /** The network fails, for every connection. */
  breakNetwork(): void;
  /** Timers of the transport's clock that are armed. */
  activeTimers(): number;
  close(): Promise<void>;
}

/** One transport, to be run under the suite. */
export interface TransportHarness {
  start(accept: StreamAcceptor, options: { readonly maxMessageBytes: number }): Promise<RunningTransport>;
  /**
   * The most the server may have taken in, beyond what the receiver has, from
   * a client that goes on sending to a receiver without room.
   */
  readonly readAheadBytes: number;
  /** Tests, by name, that can't be judged there, and why. */
  readonly cannot?: ReadonlyMap<string, string>;
  /** The gRPC status of a call whose network is cut from the gateway's side, by `reset`. Default: CANCELLED. */
  readonly statusOfReset?: number;
  /** Whether the refusal of what is too large names its size. Default: true. */
  readonly namesSize?: boolean;
}

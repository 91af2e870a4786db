/** A network whose other side the test plays by hand. */
import type { Clock } from '../../src/core/clock.js';
import { GrpcStatus } from '../../src/core/errors.js';
import type {
  CallEnd,
  CallMetadata,
  ClientCall,
  ClientStream,
  Connector,
  StreamEvents,
} from '../../src/transport/client-contract.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import { controlMessage, type DataMessage, type Welcome } from '../../src/wire/messages.js';

export function welcomeOf(own: Partial<Welcome> = {}): Welcome {
  return {
    action: 'welcome',
    connectionId: 'c1',
    clientId: 'ann',
    nodeId: 'n1',
    heartbeatIntervalMs: 1_000,
    maxMessageBytes: 4 * 1024 * 1024,
    maxSessions: 100,
    resumeWindowMs: 10_000,
    protocolVersion: 1,
    ...own,
  };
}

export class ScriptedStream implements ClientStream {
  readonly method: StreamMethod;
  readonly metadata: CallMetadata;
  readonly #events: StreamEvents;
  readonly #clock: Clock;
  /** What was sent in each turn. */
  readonly turns: DataMessage[][] = [];
  /** Answers of `send`. */
  hasRoom = true;
  isHalfClosed = false;
  isCancelled = false;

  constructor(clock: Clock, method: StreamMethod, metadata: CallMetadata, events: StreamEvents) {
    this.#clock = clock;
    this.method = method;
    this.metadata = metadata;
    this.#events = events;
  }

  get sent(): readonly DataMessage[] {
    return this.turns.flat();
  }

  send(messages: readonly DataMessage[]): boolean {
    this.turns.push([...messages]);
    return this.hasRoom;
  }

  halfClose(): void {
    this.isHalfClosed = true;
  }

  cancel(): void {
    if (this.isCancelled) return;
    this.isCancelled = true;
    this.#clock.setImmediate(() => {
      this.#events.onEnd({ status: GrpcStatus.CANCELLED, message: 'cancelled' });
    });
  }

  // --- what the gateway does ---

  says(...messages: DataMessage[]): void {
    this.#events.onMessages(messages);
  }

  welcomes(own: Partial<Welcome> = {}): void {
    this.says(controlMessage(welcomeOf(own)));
  }

  drains(reason: 'connection: too old' | 'gateway: leaving', deadlineMs = 1_000): void {
    this.says(controlMessage({ action: 'drain', deadlineMs, reason }));
  }

  takesMore(): void {
    this.hasRoom = true;
    this.#events.onWritable();
  }

  ends(end: Partial<CallEnd> = {}): void {
    this.#events.onEnd({ status: GrpcStatus.UNAVAILABLE, message: 'gone', ...end });
  }
}

export class ScriptedConnector implements Connector {
  readonly address: string;
  readonly streams: ScriptedStream[] = [];
  renewals = 0;
  isClosed = false;
  readonly #clock: Clock;

  constructor(clock: Clock, address: string) {
    this.#clock = clock;
    this.address = address;
  }

  get last(): ScriptedStream {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error(`nobody has connected to ${this.address}`);
    return last;
  }

  stream(method: StreamMethod, metadata: CallMetadata, events: StreamEvents): ClientStream {
    const stream = new ScriptedStream(this.#clock, method, metadata, events);
    this.streams.push(stream);
    return stream;
  }

  call(): ClientCall {
    throw new Error('there are only streams here');
  }

  renew(): void {
    this.renewals += 1;
  }

  close(): void {
    this.isClosed = true;
  }
}

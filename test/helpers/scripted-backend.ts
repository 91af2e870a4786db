/** Backends whose side of the network the test plays by hand. */
import type { Clock } from '../../src/core/clock.js';
import { GrpcStatus } from '../../src/core/errors.js';
import type {
  BackendConnector,
  BackendStream,
  CallEnd,
  CallEvents,
  CallMetadata,
  ClientCall,
  RelayCall,
  RelayEnd,
  RelayEvents,
  RelayRequest,
  StreamEvents,
} from '../../src/transport/client-contract.js';
import type { RelayedHeaders } from '../../src/transport/proxy-contract.js';
import { dataMessage, type DataMessage, MessageType } from '../../src/wire/messages.js';

const nothing = (): void => undefined;

export class ScriptedBackendStream implements BackendStream {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly sent: DataMessage[] = [];
  readonly #events: StreamEvents;
  readonly #clock: Clock;
  /** Answers of `send`. */
  hasRoom = true;
  isPaused = false;
  isHalfClosed = false;
  isCancelled = false;

  constructor(clock: Clock, path: string, metadata: CallMetadata, events: StreamEvents) {
    this.#clock = clock;
    this.path = path;
    this.metadata = metadata;
    this.#events = events;
  }

  /** The numbers of the data sent. */
  get numbers(): readonly number[] {
    return this.sent.filter(({ type }) => type === MessageType.DATA).map(({ sequence }) => sequence);
  }

  send(messages: readonly DataMessage[]): boolean {
    this.sent.push(...messages);
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

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  // --- what the backend does ---

  says(...messages: Partial<DataMessage>[]): void {
    this.#events.onMessages(messages.map(dataMessage));
  }

  acks(ack: number): void {
    this.says({ type: MessageType.ACK, ack });
  }

  takesMore(): void {
    this.hasRoom = true;
    this.#events.onWritable();
  }

  ends(end: Partial<CallEnd> = {}): void {
    this.#events.onEnd({ status: GrpcStatus.UNAVAILABLE, message: 'gone', ...end });
  }
}

/** A call passed on, byte by byte. */
export class ScriptedRelay implements RelayCall {
  readonly request: RelayRequest;
  readonly sent: Uint8Array[] = [];
  readonly #events: RelayEvents;
  readonly #clock: Clock;
  /** False: what is sent stays in flight until `takes`. */
  takesAll = true;
  bytesInFlight = 0;
  bytesHeld = 0;
  isPaused = false;
  isHalfClosed = false;
  isCancelled = false;
  isOver = false;

  constructor(clock: Clock, request: RelayRequest, events: RelayEvents) {
    this.#clock = clock;
    this.request = request;
    this.#events = events;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.sent);
  }

  send(chunk: Uint8Array): void {
    this.sent.push(chunk);
    if (!this.takesAll) this.bytesInFlight += chunk.length;
  }

  halfClose(): void {
    this.isHalfClosed = true;
  }

  cancel(): void {
    if (this.isCancelled || this.isOver) return;
    this.isCancelled = true;
    this.#clock.setImmediate(() => {
      this.ends({ status: GrpcStatus.CANCELLED, message: 'cancelled' });
    });
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  // --- what the backend does ---

  opens(): void {
    this.#events.onOpen();
  }

  answers(headers: RelayedHeaders = []): void {
    this.#events.onHeaders(headers);
  }

  says(chunk: Uint8Array): void {
    if (this.isPaused) throw new Error('a paused call brings nothing');
    this.#events.onChunk(chunk);
  }

  takes(bytes = this.bytesInFlight): void {
    this.bytesInFlight -= bytes;
    this.#events.onWritten();
  }

  ends(end: Partial<RelayEnd> = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#events.onEnd({ status: GrpcStatus.OK, message: '', trailers: [], unprocessed: false, ...end });
  }

  /** The channel ends it, without a word of the backend's. */
  fails(failure: Partial<CallEnd> = {}, unprocessed = false): void {
    const end = { status: GrpcStatus.UNAVAILABLE, message: 'gone', ...failure };
    this.ends({ status: end.status, message: end.message, failure: end, unprocessed });
  }
}

export class ScriptedBackend implements BackendConnector {
  readonly address: string;
  readonly streams: ScriptedBackendStream[] = [];
  readonly relays: ScriptedRelay[] = [];
  /** Of its health, the last one last. */
  readonly watches: CallEvents[] = [];
  /** Watches given up. */
  watchesCancelled = 0;
  isClosed = false;
  readonly #clock: Clock;

  constructor(clock: Clock, address: string) {
    this.#clock = clock;
    this.address = address;
  }

  get last(): ScriptedBackendStream {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error(`no session has come to ${this.address}`);
    return last;
  }

  stream(path: string, metadata: CallMetadata, events: StreamEvents): BackendStream {
    const stream = new ScriptedBackendStream(this.#clock, path, metadata, events);
    this.streams.push(stream);
    return stream;
  }

  call(_path: string, _metadata: CallMetadata, events: CallEvents): ClientCall {
    this.watches.push(events);
    const cancel = (): void => {
      this.watchesCancelled += 1;
    };
    return { send: () => true, halfClose: nothing, cancel, pause: nothing, resume: nothing };
  }

  relay(request: RelayRequest, events: RelayEvents): RelayCall {
    const relay = new ScriptedRelay(this.#clock, request, events);
    this.relays.push(relay);
    return relay;
  }

  close(): void {
    this.isClosed = true;
  }

  /** A number of grpc.health.v1: 1 is SERVING, 2 NOT_SERVING. */
  isWell(status = 1): void {
    this.watches.at(-1)?.onBody(new Uint8Array([0x08, status]));
  }

  isGone(end: Partial<CallEnd> = {}): void {
    this.watches.at(-1)?.onEnd({
      status: GrpcStatus.UNAVAILABLE,
      message: 'refused',
      failure: 'unreachable',
      ...end,
    });
  }
}

/** Collects what a client's stream, or call, is told. */
import type {
  CallEnd,
  CallEvents,
  CallMetadata,
  ClientStream,
  Connector,
  StreamEvents,
} from '../../src/transport/client-contract.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import type { DataMessage } from '../../src/wire/messages.js';

export class RecordingStream implements StreamEvents {
  readonly messages: DataMessage[] = [];
  /** Sizes of the arrays that came. */
  readonly batches: number[] = [];
  writables = 0;
  end: CallEnd | undefined;
  readonly stream: ClientStream;
  /** Told too, after it is noted. */
  onEvent: () => void = () => undefined;
  readonly #waiting = new Set<() => void>();
  #inCall = 0;

  constructor(connector: Connector, method: StreamMethod, metadata: CallMetadata = {}) {
    this.stream = this.#calling(() => connector.stream(method, metadata, this));
  }

  /** The messages of the sessions, not of the connection. */
  get data(): DataMessage[] {
    return this.messages.filter((message) => message.sessionId !== '');
  }

  get texts(): string[] {
    return this.data.map((message) => Buffer.from(message.data).toString());
  }

  send(...messages: readonly DataMessage[]): boolean {
    return this.#calling(() => this.stream.send(messages));
  }

  halfClose(): void {
    this.#calling(() => {
      this.stream.halfClose();
    });
  }

  cancel(): void {
    this.#calling(() => {
      this.stream.cancel();
    });
  }

  onMessages(messages: readonly DataMessage[]): void {
    this.messages.push(...messages);
    this.batches.push(messages.length);
    this.#noted();
  }

  onWritable(): void {
    this.writables += 1;
    this.#noted();
  }

  onEnd(end: CallEnd): void {
    if (this.end !== undefined) throw new Error('onEnd was called twice');
    this.end = end;
    this.#noted();
  }

  /** Resolves when `condition` holds; rejects when the stream is over before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.end !== undefined) throw new Error(`the stream is over: ${JSON.stringify(this.end)}`);
      await this.#event();
    }
  }

  async ended(): Promise<CallEnd> {
    while (this.end === undefined) await this.#event();
    return this.end;
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  #calling<T>(call: () => T): T {
    this.#inCall += 1;
    try {
      return call();
    } finally {
      this.#inCall -= 1;
    }
  }

  #noted(): void {
    if (this.#inCall > 0) throw new Error('an event came from within a call');
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
    this.onEvent();
  }
}

/** Likewise, of one of the other calls. */
export class RecordingCall implements CallEvents {
  readonly bodies: Uint8Array[] = [];
  writables = 0;
  end: CallEnd | undefined;
  readonly ended: Promise<CallEnd>;
  readonly onEnd: (end: CallEnd) => void;
  onBodyCame: () => void = () => undefined;

  constructor() {
    let onEnd: (end: CallEnd) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      onEnd = resolve;
    });
    this.onEnd = (end) => {
      this.end = end;
      onEnd(end);
    };
  }

  onBody(body: Uint8Array): void {
    this.bodies.push(body);
    this.onBodyCame();
  }

  onWritable(): void {
    this.writables += 1;
  }
}

import type { SluiceError } from '../../src/core/errors.js';
import type {
  StreamAcceptor,
  StreamClose,
  StreamReceiver,
  TransportStream,
} from '../../src/transport/contract.js';
import type { DataMessage } from '../../src/wire/messages.js';

/**
 * A receiver that notes everything, so that a test can ask what happened and
 * wait for what has not yet. Contract violations are collected, not thrown, for
 * a throw would be the transport's to handle.
 */
export class RecordingReceiver implements StreamReceiver {
  readonly stream: TransportStream;
  readonly messages: DataMessage[] = [];
  /** How many messages each `onMessages` brought. */
  readonly batches: number[] = [];
  readonly violations: string[] = [];
  halfClosed = false;
  invalid: SluiceError | undefined;
  written = 0;
  close: StreamClose | undefined;
  /** How many more it takes; falls with each message. */
  room: number;
  /** Called within `onMessages`, after they were noted. */
  onBatch: ((messages: readonly DataMessage[]) => void) | undefined;
  /** What `onInvalid` does; by default it ends the stream with the error. */
  answerInvalid = true;

  readonly #waiters: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  constructor(stream: TransportStream, room = 1_000_000) {
    this.stream = stream;
    this.room = room;
  }

  onMessages(messages: readonly DataMessage[]): void {
    this.#noteCall('onMessages');
    if (messages.length === 0) this.violations.push('onMessages brought nothing');
    if (messages.length > this.room) {
      this.violations.push(`onMessages brought ${messages.length} with room for ${this.room}`);
    }
    if (this.halfClosed) this.violations.push('onMessages after onHalfClose');
    this.room -= messages.length;
    this.batches.push(messages.length);
    for (const message of messages) this.messages.push(message);
    this.onBatch?.(messages);
    this.#look();
  }

  onHalfClose(): void {
    this.#noteCall('onHalfClose');
    if (this.halfClosed) this.violations.push('onHalfClose twice');
    this.halfClosed = true;
    this.#look();
  }

  onInvalid(error: SluiceError): void {
    this.#noteCall('onInvalid');
    if (this.invalid !== undefined) this.violations.push('onInvalid twice');
    this.invalid = error;
    if (this.answerInvalid) this.stream.end(error);
    this.#look();
  }

  onWritten(): void {
    this.#noteCall('onWritten');
    this.written += 1;
    this.#look();
  }

  onClose(close: StreamClose): void {
    if (this.close !== undefined) this.violations.push(`onClose ${close} after onClose ${this.close}`);
    this.close = close;
    this.#look();
  }

  /** Gives it room for `count` more and tells the transport. */
  makeRoom(count: number): void {
    this.room += count;
    this.stream.resume();
  }

  /** Resolves as soon as the condition holds after something has happened. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ condition, resolve });
    });
  }

  async closed(): Promise<StreamClose> {
    await this.until(() => this.close !== undefined);
    return this.close!;
  }

  #noteCall(name: string): void {
    if (this.close !== undefined) this.violations.push(`${name} after onClose`);
  }

  #look(): void {
    for (let index = this.#waiters.length - 1; index >= 0; index -= 1) {
      const waiter = this.#waiters[index]!;
      if (!waiter.condition()) continue;
      this.#waiters.splice(index, 1);
      waiter.resolve();
    }
  }
}

/** Accepts streams with a RecordingReceiver each and hands them out in the order of their arrival. */
export class RecordingAcceptor {
  readonly receivers: RecordingReceiver[] = [];
  /** Room that new receivers begin with. */
  room = 1_000_000;
  /** Called for each new stream, within the acceptor. */
  onAccept: ((receiver: RecordingReceiver) => void) | undefined;

  readonly #waiters: (() => void)[] = [];

  readonly accept: StreamAcceptor = (stream) => {
    const receiver = new RecordingReceiver(stream, this.room);
    this.receivers.push(receiver);
    this.onAccept?.(receiver);
    for (const resolve of this.#waiters.splice(0)) resolve();
    return receiver;
  };

  /** The receiver of the `index`-th stream, once it is there. */
  async receiver(index = 0): Promise<RecordingReceiver> {
    while (this.receivers.length <= index) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
    return this.receivers[index]!;
  }

  get violations(): readonly string[] {
    return this.receivers.flatMap((receiver) => receiver.violations);
  }
}

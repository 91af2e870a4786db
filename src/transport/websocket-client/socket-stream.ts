import type { Clock, Timer } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { GrpcStatus } from '../../core/grpc-status.js';
import { apart } from '../../flow/apart.js';
import { BatchReader, batchSize, decodeMessage, encodeBatch } from '../../wire/codec.js';
import { type DataMessage, controlMessage, type WireError } from '../../wire/messages.js';
import { batchEnd } from '../batch-end.js';
import type { CallEnd, ClientStream, StreamEvents } from '../client-contract.js';
import type { StreamMethod } from '../contract.js';
import { bodyOf } from './body-of.js';
import { SocketCall, type SocketClose, type SocketEvents, type SocketOptions } from './socket-call.js';
import { endOfClose } from './socket-end.js';
import type { SocketRequest } from './socket-request.js';

/** The largest batch until the Welcome says what the gateway takes: the least that it can be set to. */
const FIRST_BATCH_BYTES = 1_024;
/** For so long an Error of the connection may be the whole sentence of the close that follows it. */
const BEFORE_CLOSE_MS = 1_000;

/** A stream of the session protocol on a WebSocket of its own. */
export class SocketStream implements ClientStream, SocketEvents {
  readonly #address: string;
  readonly #isBatched: boolean;
  readonly #events: StreamEvents;
  readonly #clock: Clock;
  readonly #call: SocketCall;
  readonly #batch: DataMessage[] = [];
  #maxBatchBytes = FIRST_BATCH_BYTES;
  #isHalfClosed = false;
  /** The last that came, where a close may follow it at once. */
  #told: { readonly message: DataMessage; readonly error: WireError; readonly timer: Timer } | undefined;

  constructor(
    method: StreamMethod,
    address: string,
    request: SocketRequest,
    options: SocketOptions,
    events: StreamEvents,
  ) {
    this.#address = address;
    this.#isBatched = method === 'StreamBatches';
    this.#events = events;
    this.#clock = options.clock;
    this.#call = new SocketCall(options, request, this);
  }

  send(messages: readonly DataMessage[]): boolean {
    return !this.#isHalfClosed && this.#send(messages);
  }

  halfClose(): void {
    if (this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    this.#send([controlMessage({ action: 'close' })]);
  }

  cancel(): void {
    this.#takeTold([]);
    this.#call.cancel();
  }

  onBody(body: Uint8Array): void {
    const messages = this.#batch;
    this.#takeTold(messages);
    let fault: unknown;
    try {
      this.#read(body, messages);
    } catch (error) {
      fault = error;
    }
    const last = messages.at(-1);
    if (fault === undefined && last?.control?.action === 'error' && last.sessionId === '') {
      messages.pop();
      this.#keepTold(last, last.control);
    }
    if (messages.length > 0) this.#events.onMessages(messages);
    messages.length = 0;
    if (fault !== undefined) this.#call.cancel(unreadable(this.#address, fault));
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onClose(close: SocketClose): void {
    const error = this.#told?.error;
    const end = endOfClose(close, this.#address, error);
    if (end.code !== undefined && end.code === error?.code) this.#takeTold([]);
    else this.#giveTold();
    this.#events.onEnd(end);
  }

  onEnd(end: CallEnd): void {
    this.#takeTold([]);
    this.#events.onEnd(end);
  }

  #send(messages: readonly DataMessage[]): boolean {
    let hasRoom = true;
    if (!this.#isBatched) {
      for (const message of messages) hasRoom = this.#call.send(bodyOf(message));
      return hasRoom;
    }
    for (let from = 0, to; from < messages.length; from = to) {
      to = batchEnd(messages, from, this.#maxBatchBytes);
      hasRoom = this.#call.send(batchOf(messages.slice(from, to)));
    }
    return hasRoom;
  }

  #read(body: Uint8Array, messages: DataMessage[]): void {
    if (!this.#isBatched) {
      this.#took(decodeMessage(body, 0, body.length), messages);
      return;
    }
    const reader = new BatchReader(body, 0, body.length);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      (message as { data: Uint8Array }).data = apart(message.data);
      this.#took(message, messages);
    }
  }

  #took(message: DataMessage, messages: DataMessage[]): void {
    const { control } = message;
    if (control?.action === 'welcome' && control.maxMessageBytes > 0) {
      this.#maxBatchBytes = control.maxMessageBytes;
    }
    messages.push(message);
  }

  #keepTold(message: DataMessage, error: WireError): void {
    const timer = this.#clock.setTimeout(() => {
      this.#giveTold();
    }, BEFORE_CLOSE_MS);
    this.#told = { message, error, timer };
  }

  #takeTold(messages: DataMessage[]): void {
    if (this.#told === undefined) return;
    this.#told.timer.cancel();
    messages.push(this.#told.message);
    this.#told = undefined;
  }

  /** No close came: it was what it says, and no more. */
  #giveTold(): void {
    const messages: DataMessage[] = [];
    this.#takeTold(messages);
    if (messages.length > 0) this.#events.onMessages(messages);
  }
}

function batchOf(messages: readonly DataMessage[]): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(batchSize(messages));
  encodeBatch(messages, body, 0);
  return body;
}

function unreadable(address: string, fault: unknown): CallEnd {
  return {
    status: GrpcStatus.INTERNAL,
    message: `What ${address} sends can not be read: ${errorText(fault)}`,
    unreadable: true,
  };
}

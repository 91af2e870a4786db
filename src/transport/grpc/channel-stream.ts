import type { DataMessage } from '../../wire/messages.js';
import { GrpcStatus, type SluiceError } from '../../core/errors.js';
import type { CallEnd, CallEvents, ClientCall, ClientStream, StreamEvents } from '../client-contract.js';
import type { StreamMethod } from '../contract.js';
import { type Framing, REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { asUnreadable } from '../stream-errors.js';
import type { ChannelCall, ChannelCallEvents } from './channel-call.js';
import { apart } from './channel-keep.js';
import { notSluice } from './channel-status.js';
import { FrameReader, PREFIX_BYTES } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { MessageReader } from './message-reader.js';

/** Messages given at a time. */
const MAX_AT_A_TIME = 1_024;
/** The largest batch until the Welcome says what the gateway takes: the least that it can be set to. */
const FIRST_BATCH_BYTES = 1_024;

/** Starts the call that carries it. */
type StartCall = (events: ChannelCallEvents) => ChannelCall;

/** A stream of the session protocol over a gRPC call. */
export class ChannelStream implements ClientStream, ChannelCallEvents {
  readonly #framing: Framing;
  readonly #address: string;
  readonly #events: StreamEvents;
  readonly #maxMessageBytes: number;
  readonly #reader: MessageReader;
  readonly #batch: DataMessage[] = [];
  #writer = new FrameWriter(FIRST_BATCH_BYTES);
  #welcomed = false;
  readonly #call: ChannelCall;
  #cancelled = false;

  constructor(
    method: StreamMethod,
    address: string,
    maxMessageBytes: number,
    events: StreamEvents,
    start: StartCall,
  ) {
    this.#framing = REQUEST_FRAMING[method];
    this.#address = address;
    this.#events = events;
    this.#maxMessageBytes = maxMessageBytes;
    // We accept no compression, so nothing is ever inflated.
    this.#reader = new MessageReader(RESPONSE_FRAMING[method], 'identity', maxMessageBytes, () => undefined);
    this.#call = start(this);
  }

  send(messages: readonly DataMessage[]): boolean {
    return this.#call.write(this.#writer.frame(this.#framing, messages, true));
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#call.cancel();
  }

  onChunk(chunk: Buffer): CallEnd | undefined {
    const batch = this.#batch;
    this.#reader.push(chunk);
    for (;;) {
      const outcome = this.#reader.fill(batch, MAX_AT_A_TIME);
      if (batch.length > 0) {
        this.#give(batch);
        batch.length = 0;
      }
      if (outcome === 'full' && !this.#cancelled) continue;
      if (typeof outcome === 'string') return undefined;
      const end = unreadable(this.#address, outcome, this.#maxMessageBytes);
      // Before Welcome a huge message may be the garbage of somebody else.
      return this.#welcomed ? end : { status: end.status, message: end.message };
    }
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onEnd(end: CallEnd): void {
    this.#reader.clear();
    // Every gateway serves both streams, so this is none; unless it says itself what it lacks.
    const isElsewhere = end.status === GrpcStatus.UNIMPLEMENTED && end.code === undefined && !this.#welcomed;
    this.#events.onEnd(isElsewhere && end.failure === undefined ? notSluice(this.#address) : end);
  }

  #give(messages: DataMessage[]): void {
    if (!this.#welcomed) this.#readWelcome(messages);
    for (const message of messages) {
      const { data } = message;
      const kept = apart(data);
      if (kept !== data) (message as { data: Uint8Array }).data = kept;
    }
    this.#events.onMessages(messages);
  }

  /** A batch has to fit the gateway's limit for a message, which the Welcome tells. */
  #readWelcome(messages: readonly DataMessage[]): void {
    for (const { control } of messages) {
      if (control?.action !== 'welcome') continue;
      this.#welcomed = true;
      if (control.maxMessageBytes > 0) this.#writer = new FrameWriter(control.maxMessageBytes);
    }
  }
}

/** One of the other calls over a gRPC call. */
export class ChannelTopicCall implements ClientCall, ChannelCallEvents {
  readonly #address: string;
  readonly #events: CallEvents;
  readonly #maxMessageBytes: number;
  readonly #frames: FrameReader;
  readonly #call: ChannelCall;

  constructor(address: string, maxMessageBytes: number, events: CallEvents, start: StartCall) {
    this.#address = address;
    this.#events = events;
    this.#maxMessageBytes = maxMessageBytes;
    this.#frames = new FrameReader(maxMessageBytes);
    this.#call = start(this);
  }

  send(body: Uint8Array): boolean {
    const frame = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
    frame[0] = 0;
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, PREFIX_BYTES);
    return this.#call.write(frame);
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  cancel(): void {
    this.#frames.clear();
    this.#call.cancel();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  onChunk(chunk: Buffer): CallEnd | undefined {
    const frames = this.#frames;
    try {
      frames.push(chunk);
      while (frames.next()) {
        if (frames.compressed) return compressed(this.#address);
        this.#events.onBody(apart((frames.buffer as Uint8Array).subarray(frames.start, frames.end)));
      }
      return undefined;
    } catch (error) {
      return unreadable(this.#address, asUnreadable(error), this.#maxMessageBytes);
    }
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onEnd(end: CallEnd): void {
    this.#frames.clear();
    this.#events.onEnd(end);
  }
}

function unreadable(address: string, { code, message }: SluiceError, maxMessageBytes: number): CallEnd {
  if (code !== 'MESSAGE_TOO_LARGE')
    return { status: GrpcStatus.INTERNAL, message: `What ${address} sends can not be read: ${message}` };
  // With its code: the same would be sent again on the next connection.
  return {
    status: GrpcStatus.RESOURCE_EXHAUSTED,
    code,
    message: `${address} sends a message of more than ${maxMessageBytes} bytes, the most that this client takes (maxMessageBytes of connect): raise that, or have the gateway send less at a time.`,
  };
}

function compressed(address: string): CallEnd {
  return {
    status: GrpcStatus.INTERNAL,
    message: `${address} sends a compressed message, and this client said that it takes none.`,
  };
}

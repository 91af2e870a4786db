import type { DataMessage } from '../../wire/messages.js';
import { GrpcStatus, type SluiceError } from '../../core/errors.js';
import type { BackendStream, CallEnd, CallEvents, ClientCall, StreamEvents } from '../client-contract.js';
import type { StreamMethod } from '../contract.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../framing.js';
import { asUnreadable } from '../stream-errors.js';
import type { ChannelCall, ChannelCallEvents } from './channel-call.js';
import { apart } from '../../flow/apart.js';
import { notSluice } from './channel-status.js';
import { type ChannelTerms, GATEWAY_TERMS } from './channel-terms.js';
import { FrameReader, PREFIX_BYTES } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { MessageReader } from './message-reader.js';

/** Messages given at a time. */
const MAX_AT_A_TIME = 1_024;
/** The largest batch until the Welcome says what the gateway takes: the least that it can be set to. */
const FIRST_BATCH_BYTES = 1_024;

/** Starts the call that carries it. */
type StartCall = (events: ChannelCallEvents) => ChannelCall;

export interface ChannelStreamSpec {
  readonly method: StreamMethod;
  readonly address: string;
  readonly maxMessageBytes: number;
  /** Default: of a gateway, which begins with a Welcome. */
  readonly terms?: ChannelTerms;
  /** How it ends where somebody answers who does not serve it. Default: that this is no gateway. */
  readonly elsewhere?: () => CallEnd;
}

/** A stream of messages over a gRPC call. */
export class ChannelStream implements BackendStream, ChannelCallEvents {
  readonly #spec: ChannelStreamSpec;
  readonly #terms: ChannelTerms;
  readonly #events: StreamEvents;
  readonly #reader: MessageReader;
  readonly #batch: DataMessage[] = [];
  #writer = new FrameWriter(FIRST_BATCH_BYTES);
  /** Of a gateway: before that, it may be none. */
  #welcomed: boolean;
  readonly #call: ChannelCall;
  #cancelled = false;

  constructor(spec: ChannelStreamSpec, events: StreamEvents, start: StartCall) {
    this.#spec = spec;
    this.#terms = spec.terms ?? GATEWAY_TERMS;
    this.#welcomed = this.#terms.peer !== 'gateway';
    this.#events = events;
    // We accept no compression, so nothing is ever inflated.
    this.#reader = new MessageReader(
      RESPONSE_FRAMING[spec.method],
      'identity',
      spec.maxMessageBytes,
      () => undefined,
    );
    this.#call = start(this);
  }

  send(messages: readonly DataMessage[]): boolean {
    return this.#call.write(this.#writer.frame(REQUEST_FRAMING[this.#spec.method], messages, true));
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#call.cancel();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  onChunk(chunk: Uint8Array): CallEnd | undefined {
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
      const { address, maxMessageBytes } = this.#spec;
      const end = unreadable(address, outcome, maxMessageBytes, this.#terms);
      // Before Welcome a huge message may be the garbage of somebody else.
      return this.#welcomed ? end : { status: end.status, message: end.message, unreadable: true };
    }
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onEnd(end: CallEnd): void {
    this.#reader.clear();
    const { address, elsewhere = () => notSluice(address) } = this.#spec;
    this.#events.onEnd(this.#isElsewhere(end) ? elsewhere() : end);
  }

  /** Every gateway serves both streams, and a backend this one; unless it says itself what it lacks. */
  #isElsewhere({ status, code, failure }: CallEnd): boolean {
    if (status !== GrpcStatus.UNIMPLEMENTED || code !== undefined || failure !== undefined) return false;
    return this.#terms.peer === 'backend' || !this.#welcomed;
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

/** A call whose messages are bytes. */
export class ChannelBytesCall implements ClientCall, ChannelCallEvents {
  readonly #address: string;
  readonly #events: CallEvents;
  readonly #maxMessageBytes: number;
  readonly #terms: ChannelTerms;
  readonly #frames: FrameReader;
  readonly #call: ChannelCall;

  constructor(
    address: string,
    maxMessageBytes: number,
    terms: ChannelTerms,
    events: CallEvents,
    start: StartCall,
  ) {
    this.#address = address;
    this.#terms = terms;
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

  onChunk(chunk: Uint8Array): CallEnd | undefined {
    const frames = this.#frames;
    try {
      frames.push(chunk);
      while (frames.next()) {
        if (frames.compressed) return compressed(this.#address, this.#terms);
        this.#events.onBody(apart((frames.buffer as Uint8Array).subarray(frames.start, frames.end)));
      }
      return undefined;
    } catch (error) {
      return unreadable(this.#address, asUnreadable(error), this.#maxMessageBytes, this.#terms);
    }
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onLeaving(): void {
    this.#events.onLeaving?.();
  }

  onEnd(end: CallEnd): void {
    this.#frames.clear();
    this.#events.onEnd(end);
  }
}

function unreadable(
  address: string,
  { code, message }: SluiceError,
  maxMessageBytes: number,
  { peer, self, names }: ChannelTerms,
): CallEnd {
  if (code !== 'MESSAGE_TOO_LARGE')
    return {
      status: GrpcStatus.INTERNAL,
      message: `What ${address} sends can not be read: ${message}`,
      unreadable: true,
    };
  // With its code: the same would be sent again on the next connection.
  return {
    status: GrpcStatus.RESOURCE_EXHAUSTED,
    code,
    unreadable: true,
    message: `${address} sends a message of more than ${maxMessageBytes} bytes, the most that ${self} takes (${names.maxMessageBytes}): raise that, or have the ${peer} send less at a time.`,
  };
}

function compressed(address: string, { self }: ChannelTerms): CallEnd {
  return {
    status: GrpcStatus.INTERNAL,
    unreadable: true,
    message: `${address} sends a compressed message, and ${self} said that it takes none.`,
  };
}

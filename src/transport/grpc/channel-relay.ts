import type { CallEnd, RelayCall, RelayEnd, RelayEvents } from '../client-contract.js';
import type { ChannelCall, ChannelCallEvents, EndFacts } from './channel-call.js';
import { answerHeadersOf, relayedEndOf } from './relayed-headers.js';

/** A call that is passed on byte by byte. */
export class ChannelRelay implements RelayCall, ChannelCallEvents {
  readonly isRelayed = true;
  readonly #events: RelayEvents;
  readonly #call: ChannelCall;

  constructor(events: RelayEvents, start: (events: ChannelCallEvents) => ChannelCall) {
    this.#events = events;
    this.#call = start(this);
  }

  get bytesInFlight(): number {
    return this.#call.bytesInFlight;
  }

  get bytesHeld(): number {
    return this.#call.bytesHeld;
  }

  send(chunk: Uint8Array): void {
    this.#call.write(asBuffer(chunk));
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  cancel(): void {
    this.#call.cancel();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  // --- what the call says ---

  onOpen(): void {
    this.#events.onOpen();
  }

  onHeaders(raw: readonly string[]): void {
    this.#events.onHeaders(answerHeadersOf(raw));
  }

  onChunk(chunk: Uint8Array): undefined {
    this.#events.onChunk(chunk);
  }

  onWritten(): void {
    this.#events.onWritten();
  }

  onHeld(): void {
    this.#events.onHeld();
  }

  onEnd(end: CallEnd, { trailers, unprocessed }: EndFacts): void {
    const told = trailers === undefined ? undefined : relayedEndOf(trailers);
    this.#events.onEnd(told === undefined ? untold(end, unprocessed) : { ...told, unprocessed });
  }
}

function untold(end: CallEnd, unprocessed: boolean): RelayEnd {
  return { status: end.status, message: end.message, trailers: [], failure: end, unprocessed };
}

export function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

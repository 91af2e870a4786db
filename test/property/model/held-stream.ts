import type { Clock } from '../../../src/core/clock.js';
import type { StreamClose, StreamReceiver, TransportStream } from '../../../src/transport/contract.js';
import type { DataMessage } from '../../../src/wire/messages.js';

/** What the gateway may leave with the network before it waits. */
export const SEND_BUFFER_BYTES = 1 << 16;

/** A transport whose network takes nothing but what it is let. */
export class HeldStream implements TransportStream {
  readonly method = 'StreamData';
  readonly carrier = 'memory';
  readonly peer = 'held:1';
  readonly metadata: ReadonlyMap<string, string>;
  bytesSent = 0;
  bytesReceived = 0;
  /** What was written and nobody has looked at. */
  readonly out: DataMessage[] = [];
  receiver: StreamReceiver | undefined;
  /** Ended by the gateway before it had taken it. */
  refused = false;
  ended = false;
  readonly #clock: Clock;
  #room = 0;
  #isOver = false;

  constructor(clock: Clock, clientId: string) {
    this.#clock = clock;
    this.metadata = new Map([['x-client-id', clientId]]);
  }

  get bytesInFlight(): number {
    return SEND_BUFFER_BYTES - this.#room;
  }

  send(messages: readonly DataMessage[]): void {
    // The outbox keeps its messages, and writes to them.
    for (const message of messages) this.out.push({ ...message });
    this.bytesSent += messages.length;
    if (this.#room < SEND_BUFFER_BYTES) this.#room = 0;
  }

  resume(): void {
    // Who brings more asks for room by itself.
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.refused = this.receiver === undefined;
    this.#closeSoon('ended');
  }

  reset(): void {
    this.ended = true;
    this.#closeSoon('reset');
  }

  halfClose(): void {
    if (!this.ended) this.receiver?.onHalfClose();
  }

  /** As many as there is room for; the gateway reads no more than that. */
  deliver(messages: readonly DataMessage[]): number {
    let taken = 0;
    while (taken < messages.length) {
      const room = this.ended ? 0 : (this.receiver?.room ?? 0);
      if (room <= 0) break;
      const batch = messages.slice(taken, taken + room);
      taken += batch.length;
      this.receiver?.onMessages(batch);
    }
    return taken;
  }

  /**
   * The network takes one write: of control whatever waits, of messages as many
   * as begin within so many bytes. Without a number it takes whatever is written.
   */
  letGo(bytes = SEND_BUFFER_BYTES): void {
    if (this.#isOver) return;
    this.#room = bytes;
    this.receiver?.onWritten();
  }

  hold(): void {
    this.#room = 0;
  }

  close(how: StreamClose): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.receiver?.onClose(how);
  }

  /** Not from within a call of the gateway's. */
  #closeSoon(how: StreamClose): void {
    this.#clock.setImmediate(() => {
      this.close(how);
    });
  }
}

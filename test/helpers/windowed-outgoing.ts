/** What one session sends: numbered, held until it is settled, sent again where a connection lost it. */
import { type DataMessage, weightOf, type WireError } from '../../src/wire/messages.js';
import { SendRoom, type Size } from './windowed-send-room.js';

/** What may follow a fresh Open before its answer (stream.proto, Open). */
const FLOOR: Size = { messages: 64, bytes: 64 * 1024 };

/** A message of the fate `settled` told: accepted, or failed by this error. */
export type Settled = (sequence: number, error?: WireError) => void;

export class Outgoing {
  readonly #settled: Settled;
  /** Sent and not settled, by sequence, from `#acked + 1` to `#last`; bounded by the gateway's window. */
  readonly #unacked = new Map<number, DataMessage>();
  readonly #failed = new Map<number, WireError>();
  readonly #room = new SendRoom(FLOOR);
  #acked: number;
  #last: number;
  /** The last one written on this connection, or known to be with the gateway. */
  #written = 0;
  /** What of it is not settled, in bytes. */
  #flightBytes = 0;

  constructor(settled: Settled, last = 0, unacknowledged: readonly DataMessage[] = []) {
    this.#settled = settled;
    this.#last = last;
    for (const message of unacknowledged) {
      this.#unacked.set(message.sequence, message);
      this.#room.take(1, weightOf(message));
    }
    this.#acked = last - unacknowledged.length;
  }

  get last(): number {
    return this.#last;
  }

  get unacknowledged(): readonly DataMessage[] {
    return [...this.#unacked.values()];
  }

  get count(): number {
    return this.#unacked.size;
  }

  /** Whether all is written, and no send waits for room. */
  get isIdle(): boolean {
    return this.#room.isIdle && this.#written === this.#last;
  }

  /** Numbers these and takes them, in order, once there is room for all; resolves with the last number. */
  async send(pieces: readonly DataMessage[], taken: () => void): Promise<number> {
    const bytes = pieces.reduce((sum, piece) => sum + weightOf(piece), 0);
    let last = 0;
    await this.#room.wait(pieces.length, bytes, () => {
      for (const piece of pieces) {
        last = this.#last += 1;
        piece.sequence = last;
        this.#unacked.set(last, piece);
      }
      taken();
    });
    return last;
  }

  /** An Open is written: what was sent before is, until Opened tells, perhaps with the gateway. */
  opening(resume: boolean): void {
    this.#written = resume ? this.#last : 0;
    this.#flightBytes = 0;
  }

  /** The gateway holds everything up to `received`: the rest is to be written again. False: it names what was never sent. */
  resumed(received: number): boolean {
    if (received > this.#last) return false;
    this.#written = received;
    this.#flightBytes = 0;
    for (const [sequence, message] of this.#unacked) {
      if (sequence <= received) this.#flightBytes += weightOf(message);
    }
    return true;
  }

  resize(window: Size): void {
    this.#room.resize(window);
  }

  /** The next one to write, where the window has room for it. */
  next(): DataMessage | undefined {
    const message = this.#unacked.get(this.#written + 1);
    if (message === undefined) return undefined;
    const bytes = weightOf(message);
    const flight = { messages: this.#written - this.#acked, bytes: this.#flightBytes };
    if (!this.#room.allows(flight, bytes)) return undefined;
    this.#written += 1;
    this.#flightBytes += bytes;
    return message;
  }

  /** An Error comes before the ack that settles its message; one of a settled message is told again, and says nothing. */
  failed(error: WireError): void {
    if (this.#unacked.has(error.sequence)) this.#failed.set(error.sequence, error);
  }

  /** Everything up to `ack` is done with. False: it is above what was sent. */
  settle(ack: number): boolean {
    if (ack > this.#written) return false;
    while (this.#acked < ack) {
      this.#acked += 1;
      const message = this.#unacked.get(this.#acked) as DataMessage;
      const error = this.#failed.get(this.#acked);
      const bytes = weightOf(message);
      this.#unacked.delete(this.#acked);
      this.#failed.delete(this.#acked);
      this.#flightBytes -= bytes;
      this.#room.release(1, bytes);
      this.#settled(this.#acked, error);
    }
    return true;
  }

  /** Resolves when no send waits for room any more. */
  idle(): Promise<void> {
    return this.#room.idle();
  }

  /** Nothing will be sent any more; returns how many were not settled. */
  end(error: Error): number {
    const { size } = this.#unacked;
    this.#unacked.clear();
    this.#failed.clear();
    this.#room.fail(error);
    return size;
  }
}

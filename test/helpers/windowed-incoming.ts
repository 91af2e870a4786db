/** What one session receives: in order, handed to the application one at a time, acknowledged when that is done. */
import { RingQueue } from '../../src/flow/ring-queue.js';
import { type DataMessage, type Gap, weightOf } from '../../src/wire/messages.js';
import type { Size } from './windowed-send-room.js';

export interface Consumer {
  /** One message at a time, in order, each once. It is acknowledged when this returns or resolves. */
  readonly onMessage?: (message: DataMessage) => void | Promise<void>;
  readonly onGap?: (gap: Gap) => void;
}

type Received = { readonly message: DataMessage } | { readonly gap: Gap };

export class Incoming {
  /** What we are prepared to hold; undefined: the gateway's default. */
  window: Size | undefined;
  readonly #consumer: Consumer;
  /** An ack is due. */
  readonly #wake: () => void;
  readonly #inbox = new RingQueue<Received>();
  #consuming = false;
  /** The last sequence received; only Open speaks of it. */
  #position: number;
  /** The last one the application is done with; this is what acks say. */
  #consumed: number;
  #ackDue = false;
  /** What the gateway may count as in flight: received above the last ack told. Bounded by the window. */
  readonly #untold = new RingQueue<{ readonly sequence: number; readonly bytes: number }>();
  #untoldBytes = 0;
  /** The largest window of this attachment: what the gateway is held to. */
  #largest: Size | undefined;

  constructor(consumer: Consumer, window: Size | undefined, consumed: number, wake: () => void) {
    this.window = window;
    this.#consumer = consumer;
    this.#position = this.#consumed = consumed;
    this.#wake = wake;
  }

  get position(): number {
    return this.#position;
  }

  get consumed(): number {
    return this.#consumed;
  }

  get isAckDue(): boolean {
    return this.#ackDue;
  }

  /** Received and not consumed. */
  get count(): number {
    return this.#inbox.length;
  }

  /** An Open states the window; what the gateway is held to begins anew. */
  opening(): void {
    this.#largest = this.window;
  }

  /** The window is told, within an attachment. */
  windowTold(): void {
    const { messages = 0, bytes = 0 } = this.#largest ?? {};
    if (this.window === undefined || this.#largest === undefined) return;
    this.#largest = {
      messages: Math.max(messages, this.window.messages),
      bytes: Math.max(bytes, this.window.bytes),
    };
  }

  /** The ack that goes out now; 0 where nothing was consumed yet. */
  tell(): number {
    this.#ackDue = false;
    for (let first = this.#untold.peek(); first !== undefined; first = this.#untold.peek()) {
      if (first.sequence > this.#consumed) break;
      this.#untold.shift();
      this.#untoldBytes -= first.bytes;
    }
    return this.#consumed;
  }

  /** Returns what is wrong with it, if anything is. */
  message(message: DataMessage): string | undefined {
    const { sequence } = message;
    if (sequence !== this.#position + 1) return this.#strayed(sequence);
    const bytes = weightOf(message);
    const inFlight = this.#untold.length;
    const { messages: most = Infinity, bytes: mostBytes = Infinity } = this.#largest ?? {};
    if (inFlight > 0 && (inFlight >= most || this.#untoldBytes + bytes > mostBytes)) {
      return `${inFlight + 1} messages with ${this.#untoldBytes + bytes} bytes exceed our window`;
    }
    this.#untold.push({ sequence, bytes });
    this.#untoldBytes += bytes;
    this.#position = sequence;
    this.#inbox.push({ message });
    void this.#consume();
    return undefined;
  }

  /** As `message`. A gap takes no room in the window. */
  gap(gap: Gap): string | undefined {
    if (gap.fromSequence !== this.#position + 1 || gap.toSequence < gap.fromSequence) {
      return this.#strayed(gap.fromSequence);
    }
    this.#position = gap.toSequence;
    this.#inbox.push({ gap });
    void this.#consume();
    return undefined;
  }

  #strayed(sequence: number): string {
    return `${sequence} does not follow ${this.#position}: lost without a Gap, or repeated`;
  }

  async #consume(): Promise<void> {
    if (this.#consuming) return;
    this.#consuming = true;
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      if ('gap' in next) {
        this.#consumer.onGap?.(next.gap);
        this.#consumed = next.gap.toSequence;
      } else {
        const done = this.#consumer.onMessage?.(next.message);
        if (done !== undefined) await done;
        this.#consumed = next.message.sequence;
      }
      this.#ackDue = true;
      this.#wake();
    }
    this.#consuming = false;
  }
}

import type { Clock, Timer } from '../core/clock.js';
import type { SluiceError } from '../core/errors.js';
import { type BufferAccount, HeldBytes } from '../flow/held-bytes.js';
import { dataMessage, isData, type DataMessage, MessageType } from '../wire/messages.js';
import { encodeSubscribeRequest } from '../wire/topic-codec.js';
import type { SubscribeRequest } from '../wire/topic-messages.js';
import { type EventBlock, eventText } from './event-text.js';
import { RequestStream, type RequestStreamOptions } from './request-stream.js';
import { errorEvent, type EventEncoding, gapEvent, type SharedEvents } from './topic-events.js';

export interface EventSettings {
  /** A comment after so long without an event; 0 = none. */
  readonly heartbeatIntervalMs: number;
  /** What clients are told to wait before they come again. */
  readonly retryMs: number;
}

export interface EventStreamOptions extends RequestStreamOptions {
  readonly clock: Clock;
  /** What waits for the client counts there, too. */
  readonly account: BufferAccount;
  readonly subscription: SubscribeRequest;
  readonly encoding: EventEncoding;
  readonly events: EventSettings;
  readonly shared: SharedEvents;
  /** Headers of the answer besides those of an event stream. */
  readonly headers: Readonly<Record<string, string>>;
  /** Refused before anything was sent: it is answered as any request is. At most once. */
  readonly onRefused: (error: SluiceError) => void;
}

/** Codes after which a client comes again as if nothing had happened. */
const COME_AGAIN: readonly string[] = ['DRAINING', 'STREAM_LIMIT'];

/**
 * A call of Subscribe that is answered by an event stream. Each block carries
 * its place in the topic as `id`, those without an event too: a client that
 * comes again with the last one misses nothing.
 */
export class EventStream extends RequestStream {
  readonly method = 'Subscribe';
  readonly #options: EventStreamOptions;
  readonly #held: HeldBytes;
  #bytesInFlight = 0;
  #asked = false;
  #heartbeat: Timer | undefined;
  #wroteAt = 0;

  constructor(options: EventStreamOptions) {
    super(options);
    this.#options = options;
    this.#held = new HeldBytes(options.account);
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  send(messages: readonly DataMessage[]): void {
    if (this.isEnding) return;
    const { shared, encoding } = this.#options;
    const blocks: Buffer[] = [];
    for (const message of messages) {
      if (isData(message)) blocks.push(shared.bytesOf(message, encoding));
      else {
        const block = this.#blockOf(message);
        if (block !== undefined) blocks.push(Buffer.from(eventText(block)));
      }
    }
    if (blocks.length > 0) this.#write(Buffer.concat(blocks));
  }

  protected advance(): void {
    const { receiver } = this;
    if (this.#asked || this.isEnding || receiver === undefined || receiver.room <= 0) return;
    this.#asked = true;
    const data = encodeSubscribeRequest(this.#options.subscription);
    receiver.onMessages([dataMessage({ data })]);
    // That may have ended it.
    this.receiver?.onHalfClose();
  }

  protected finish(error: SluiceError | undefined): void {
    this.#heartbeat?.cancel();
    if (!this.response.headersSent) {
      this.#refuse(error);
      return;
    }
    if (error !== undefined) this.#write(Buffer.from(eventText(this.#farewell(error))));
    this.response.end();
  }

  protected release(): void {
    this.#heartbeat?.cancel();
    this.#setInFlight(0);
  }

  #refuse(error: SluiceError | undefined): void {
    if (error !== undefined) {
      this.#options.onRefused(error);
      return;
    }
    this.#writeHead();
    this.response.end();
  }

  #blockOf({ type, control, sequence }: DataMessage): EventBlock | undefined {
    if (type === MessageType.HEARTBEAT) return { comment: 'here', id: String(sequence) };
    switch (control?.action) {
      case 'welcome':
        return { retryMs: this.#options.events.retryMs, id: String(sequence) };
      case 'gap':
        return gapEvent(control);
      default:
        // Of the connection, and nothing that this client could act on.
        return undefined;
    }
  }

  /** Those who are sent away come again at different moments. */
  #farewell(error: SluiceError): EventBlock {
    const { retryMs } = this.#options.events;
    if (COME_AGAIN.includes(error.code)) return { retryMs: Math.random() * retryMs };
    return errorEvent(error, Math.max(retryMs, error.retryAfterMs ?? 0));
  }

  #write(bytes: Buffer): void {
    if (!this.response.headersSent) this.#writeHead();
    this.#wroteAt = this.#options.clock.now();
    this.#setInFlight(this.#bytesInFlight + bytes.length);
    this.bytesSent += bytes.length;
    this.response.write(bytes, () => {
      this.#setInFlight(Math.max(0, this.#bytesInFlight - bytes.length));
      this.receiver?.onWritten();
    });
  }

  #setInFlight(bytes: number): void {
    this.#bytesInFlight = bytes;
    this.#held.set(bytes);
  }

  #writeHead(): void {
    // Whether what is sent is taken in time, the gateway sees to: it says so in its log.
    this.response.setTimeout(0);
    this.response.writeHead(200, {
      ...this.#options.headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // For nginx, which would keep events until it has a buffer full of them.
      'x-accel-buffering': 'no',
    });
    const { heartbeatIntervalMs } = this.#options.events;
    if (heartbeatIntervalMs > 0) this.#armHeartbeat(heartbeatIntervalMs);
  }

  #armHeartbeat(delayMs: number): void {
    const { clock, events } = this.#options;
    this.#heartbeat = clock.setTimeout(() => {
      const quietMs = clock.now() - this.#wroteAt;
      const leftMs = events.heartbeatIntervalMs - quietMs;
      // Who does not take what was sent before is not sent more for nothing.
      if (leftMs <= 0 && this.#bytesInFlight === 0) this.#write(Buffer.from(':\n\n'));
      this.#armHeartbeat(leftMs > 0 ? leftMs : events.heartbeatIntervalMs);
    }, delayMs);
  }
}

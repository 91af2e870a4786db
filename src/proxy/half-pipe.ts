import type { Clock, Timer } from '../core/clock.js';
import type { Throttle } from '../flow/throttle.js';
import { MessageScanner, type ScanFault } from './message-scanner.js';
import { UntakenMessages } from './untaken-messages.js';

export interface HalfPipeOptions {
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly queueBytes: number;
  readonly queueMessages: number;
  /** What is over its rates waits; undefined: there are none. */
  readonly throttle?: Throttle | undefined;
  /** Of the source, which begins paused: it brings nothing until it is resumed. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Of the sink, which takes whatever it is sent, and tells what of it the network has not taken. */
  readonly send: (chunk: Uint8Array) => void;
  readonly bytesInFlight: () => number;
  readonly onPassed: (messages: number, bytes: number) => void;
  /** The sink has not taken what it was sent: the source was stopped. */
  readonly onFull: () => void;
  /** What is behind was not passed on, nor will be. */
  readonly onFault: (fault: ScanFault) => void;
  /** The source has ended, and all was passed on. */
  readonly onDone: () => void;
}

/** Why nothing is read now, one bit each. */
const FULL = 1;
const RATE = 2;
const SHUT = 4;
const HELD = 8;
/** While one of these is, nothing is passed on either. */
const BLOCKED = FULL | SHUT | HELD;

/**
 * One direction of a call: chunks go on as they come, and the source is stopped
 * while the sink has more than its queue may hold that the network has not
 * taken. Begins shut. At most one chunk of the source waits here, for a rate.
 */
export class HalfPipe {
  readonly #options: HalfPipeOptions;
  readonly #scanner: MessageScanner;
  readonly #untaken: UntakenMessages | undefined;
  /** The source begins paused. */
  #stops = SHUT;
  #waiting: Uint8Array | undefined;
  #timer: Timer | undefined;
  #ended = false;
  #done = false;
  #closed = false;

  constructor(options: HalfPipeOptions) {
    this.#options = options;
    this.#scanner = new MessageScanner(options.maxMessageBytes);
    this.#untaken = options.queueMessages > 0 ? new UntakenMessages() : undefined;
  }

  /** What waits here for a rate. */
  get heldBytes(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Whether all that came has been passed on, and nothing more comes. */
  get isDone(): boolean {
    return this.#done;
  }

  get isPaused(): boolean {
    return this.#stops !== 0;
  }

  /** The source's; it has been told to pause if there is to be no other. */
  onChunk(chunk: Uint8Array): void {
    if (this.#closed) return;
    if (this.#waiting === undefined) this.#pass(chunk);
    // A source that is paused brings nothing; one that did would not be held against what it brought.
    else this.#waiting = Buffer.concat([this.#waiting, chunk]);
  }

  onEnd(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#finishIfDone();
  }

  /** The sink has taken some of what it was sent. */
  onWritten(): void {
    if ((this.#stops & FULL) === 0 || this.#closed) return;
    const { queueBytes, queueMessages } = this.#options;
    const bytesInFlight = this.#options.bytesInFlight();
    this.#untaken?.inFlight(bytesInFlight);
    if (queueBytes > 0 && bytesInFlight > queueBytes / 2) return;
    if (this.#untaken !== undefined && this.#untaken.count > queueMessages / 2) return;
    this.#go(FULL);
  }

  /** There is a sink. */
  open(): void {
    this.#go(SHUT);
  }

  /** There is none any more; another may come. */
  shut(): void {
    this.#stop(SHUT);
  }

  /** Reads no more until `release`: there is no room, for anybody. */
  hold(): void {
    this.#stop(HELD);
  }

  release(): void {
    this.#go(HELD);
  }

  /** Nothing is passed on any more. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #pass(chunk: Uint8Array): void {
    const scanner = this.#scanner;
    const { throttle, clock, send } = this.#options;
    let at = 0;
    while (at < chunk.length) {
      let most = Infinity;
      if (throttle !== undefined) {
        const now = clock.now();
        const waitMs = throttle.waitMs(now);
        if (waitMs > 0) {
          this.#waitFor(waitMs, at === 0 ? chunk : chunk.subarray(at));
          break;
        }
        most = Math.max(1, throttle.messageBudget(now));
      }
      const before = scanner.messages;
      scanner.scan(chunk, at, most);
      let bytes = scanner.end - scanner.start;
      if (scanner.before !== undefined) {
        send(scanner.before);
        bytes += scanner.before.length;
      }
      if (scanner.end > scanner.start)
        send(
          scanner.start === 0 && scanner.end === chunk.length
            ? chunk
            : chunk.subarray(scanner.start, scanner.end),
        );
      const messages = scanner.messages - before;
      this.#untaken?.sent(bytes, messages);
      throttle?.spend(messages, bytes);
      this.#options.onPassed(messages, bytes);
      if (scanner.fault !== undefined) {
        this.close();
        this.#options.onFault(scanner.fault);
        return;
      }
      at = scanner.next;
    }
    this.#lookIfFull();
  }

  #lookIfFull(): void {
    const { queueBytes, queueMessages } = this.#options;
    if ((this.#stops & FULL) !== 0) return;
    const bytesInFlight = this.#options.bytesInFlight();
    const overBytes = queueBytes > 0 && bytesInFlight > queueBytes;
    if (!overBytes) {
      if (this.#untaken === undefined || this.#untaken.count <= queueMessages) return;
      this.#untaken.inFlight(bytesInFlight);
      if (this.#untaken.count <= queueMessages) return;
    }
    this.#options.onFull();
    this.#stop(FULL);
  }

  #waitFor(waitMs: number, rest: Uint8Array): void {
    this.#waiting = rest;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#go(RATE);
    }, Math.ceil(waitMs));
    this.#stop(RATE);
  }

  #stop(why: number): void {
    if (this.#closed) return;
    const before = this.#stops;
    this.#stops |= why;
    if (before === 0) this.#options.pause();
  }

  #go(why: number): void {
    if ((this.#stops & why) === 0 || this.#closed) return;
    this.#stops &= ~why;
    const waiting = this.#waiting;
    if (waiting !== undefined && this.#timer === undefined && (this.#stops & BLOCKED) === 0) {
      this.#waiting = undefined;
      this.#pass(waiting);
    }
    this.#finishIfDone();
    if (this.#stops === 0) this.#options.resume();
  }

  /** Not while there is no sink: the next one is sent first what the one before it was. */
  #finishIfDone(): void {
    if (!this.#ended || this.#done || this.#closed) return;
    if (this.#waiting !== undefined || (this.#stops & SHUT) !== 0) return;
    this.#done = true;
    const { rest } = this.#scanner;
    if (rest.length > 0) this.#options.send(rest);
    this.#options.onDone();
  }
}

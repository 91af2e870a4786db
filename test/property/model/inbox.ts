import type { ErrorCode } from '../../../src/core/errors.js';
import type { DropReason, FlowCounters } from '../../../src/core/counters.js';
import { weightOf, type DataMessage } from '../../../src/wire/messages.js';
import { changed, fits, largest, sizeOf, sizeOfMessages, type Size } from './window.js';

interface Received {
  readonly sequence: number;
  readonly bytes: number;
}

/** What becomes of one DATA message. */
export type Reception = 'admitted' | 'duplicate' | ErrorCode;

/**
 * Client to gateway, one session: `told <= finished <= received`. In flight is
 * what is above `told`, the last ack written, for the client can't have seen
 * a higher one.
 */
export class ModelInbox {
  readonly #wantsWhole: boolean;
  readonly #maxPayloadBytes: number;
  readonly #counters: FlowCounters;
  #flight: Received[] = [];
  /** Admitted, neither accepted nor failed by the route. */
  #queue: DataMessage[] = [];
  #openPayload: DataMessage[] = [];
  /** Failed sequences that the client may not know of, ascending. */
  #errors: number[] = [];
  /** The most messages ever granted in this session: how far back a client can be. */
  #reachMessages = 0;
  granted: Size = { messages: 1, bytes: 1 };
  #enforced: Size = { messages: 1, bytes: 1 };
  received = 0;
  finished = 0;
  told = 0;

  constructor(wantsWhole: boolean, maxPayloadBytes: number, counters: FlowCounters) {
    this.#wantsWhole = wantsWhole;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#counters = counters;
  }

  get pending(): number {
    return this.#queue.length;
  }

  get errors(): readonly number[] {
    return this.#errors;
  }

  /** What an Opened may acknowledge: nothing that a repeated Error has yet to speak of. */
  get ackBeforeErrors(): number {
    return Math.min(this.finished, (this.#errors[0] ?? Infinity) - 1);
  }

  attach(granted: Size): void {
    this.granted = this.#enforced = granted;
    this.#reachMessages = Math.max(this.#reachMessages, granted.messages);
  }

  changeWindow(change: Size): void {
    this.granted = changed(this.granted, change);
    this.#enforced = largest(this.#enforced, this.granted);
    this.#reachMessages = Math.max(this.#reachMessages, this.#enforced.messages);
  }

  receive(message: DataMessage): Reception {
    const { sequence } = message;
    if (sequence === 0) return 'INVALID_MESSAGE';
    if (sequence <= this.received) return 'duplicate';
    if (sequence > this.received + 1) return 'SEQUENCE_GAP';
    const bytes = weightOf(message);
    const flight = this.#flight.filter((one) => one.sequence > this.told);
    if (!fits(this.#enforced, sizeOf(flight), { messages: 1, bytes })) return 'WINDOW_EXCEEDED';
    this.#flight = [...flight, { sequence, bytes }];
    this.received = sequence;
    this.#queue.push(message);
    this.#counters.admitted += 1;
    // Who sends this had settled, Errors included, all that is a window behind it.
    this.#errors = this.#errors.filter((error) => error > sequence - this.#reachMessages);
    return this.#fillsUnfinished(message) ? 'MESSAGE_TOO_LARGE' : 'admitted';
  }

  /** What the route has before it: one message, or one whole payload. */
  get handling(): readonly DataMessage[] | undefined {
    return this.handlingBehind(0);
  }

  /** What it would have behind so many of these. */
  handlingBehind(units: number): readonly DataMessage[] | undefined {
    let rest: readonly DataMessage[] = this.#queue;
    for (let skipped = 0; ; skipped += 1) {
      const length = this.#wantsWhole ? rest.findIndex(({ more }) => !more) + 1 : Math.min(rest.length, 1);
      if (length === 0) return undefined;
      if (skipped === units) return rest.slice(0, length);
      rest = rest.slice(length);
    }
  }

  /** The route is done with what it handled; the sequence of its last piece, which an Error names. */
  finish(accepted: boolean): number {
    const unit = this.handling ?? [];
    this.#queue = this.#queue.slice(unit.length);
    this.#counters.delivered += unit.length;
    this.finished += unit.length;
    if (!accepted) this.#errors.push(this.finished);
    return this.finished;
  }

  discard(reason: DropReason): void {
    this.#counters.droppedBy[reason] += this.#queue.length;
    this.#queue = [];
  }

  #fillsUnfinished(message: DataMessage): boolean {
    // A message by itself has a limit of its own.
    if (!message.more && this.#openPayload.length === 0) return false;
    this.#openPayload.push(message);
    const { messages, bytes } = sizeOfMessages(this.#openPayload);
    if (!message.more) this.#openPayload = [];
    if (bytes > this.#maxPayloadBytes) return true;
    if (!message.more || !this.#wantsWhole) return false;
    return messages >= this.#enforced.messages || bytes >= this.#enforced.bytes;
  }
}

import { expectWhole } from '../option-checks.js';
import { onAbort } from '../../core/on-abort.js';
import { type LinkedAbort, linkAbort } from '../../core/signals.js';
import { RingQueue } from '../../flow/ring-queue.js';
import { type DataMessage, type Gap, isData, MessageType, weightOf } from '../../wire/messages.js';
import { reasonOf } from '../abortable.js';
import type { CallHost } from './call-host.js';
import { ClientError } from '../client-error.js';
import type { GapNotice, Message } from '../message.js';
import type { Overflow } from '../options.js';
import { ReceivedMessage } from '../session/received-message.js';
import { gapError } from '../session/session-errors.js';
import { sleep } from '../../core/sleep.js';
import { SubscribeCall } from './subscribe-call.js';
import { checkTopic } from './topic-checks.js';
import { wireOverflow } from '../session/wire-overflow.js';

/** So much is read ahead of the application; then the gateway waits, under the policy. */
const MAX_AHEAD_MESSAGES = 64;
const MAX_AHEAD_BYTES = 1024 * 1024;

export interface SubscribeOptions {
  /** A position in the topic, the `sequence` of a message: begin after it. Default: with what comes from now on. */
  readonly afterSequence?: number;
  /** How many messages the topic already has come first. Default 0. */
  readonly history?: number;
  /** What the gateway does with what waits for us. Default: the topic's, drop-oldest. */
  readonly overflow?: Overflow;
  /** Told of what was lost, at its place in the order. Without it iteration throws a GAP, once, and another goes on behind it. */
  readonly onGap?: (gap: GapNotice) => void;
  /** Ends the subscription: what is waited for rejects with its reason. */
  readonly signal?: AbortSignal;
}

type Item = ReceivedMessage | GapNotice;

/**
 * The messages of a topic, from a position on. Follows it over broken
 * connections: after each it asks for what comes after the last message it had.
 * Reads ahead of the application by 64 messages or 1 MiB and then makes the
 * gateway wait. Leaving a loop over it closes it, as does `await using`.
 */
export class Subscription implements AsyncIterable<Message>, AsyncDisposable {
  readonly topic: string;
  readonly #host: CallHost;
  readonly #options: SubscribeOptions;
  /** As the request names it. */
  readonly #overflow: number;
  readonly #work: LinkedAbort;
  /** Resolves when nothing of it is left; never rejects. */
  readonly #following: Promise<void>;
  readonly #items = new RingQueue<Item>();
  #aheadBytes = 0;
  /** The last sequence of the topic that came, or was told as lost. 0: not known yet. */
  #position: number;
  #call: SubscribeCall | undefined;
  #isPaused = false;
  #waiter: (() => void) | undefined;
  /** Nothing more will come, for this reason; undefined: the topic has ended, or `close` was called. */
  #end: { readonly error: unknown } | undefined;

  /** @internal Subscriptions are made by `client.subscribe`. */
  constructor(host: CallHost, topic: string, options: SubscribeOptions) {
    const { afterSequence = 0, history = 0, overflow, signal } = options;
    checkTopic(topic);
    expectWhole('afterSequence', afterSequence, 0, Number.MAX_SAFE_INTEGER);
    expectWhole('history', history, 0, Number.MAX_SAFE_INTEGER);
    // What history brings is older.
    this.#position = history > 0 ? 0 : afterSequence;
    this.#overflow = wireOverflow(overflow);
    this.topic = topic;
    this.#host = host;
    this.#options = options;
    this.#work = linkAbort(host.closing, signal);
    const work = this.#work.signal;
    onAbort(work, () => {
      this.#items.clear();
      this.#finish(work.reason);
    });
    this.#following = this.#follow();
  }

  /**
   * The next message; undefined when the topic has ended, or `close` was called.
   * Rejects with a ClientError: GAP where something was lost before the next
   * one, or, each time, why the subscription is over.
   */
  async receive(options: { readonly signal?: AbortSignal } = {}): Promise<Message | undefined> {
    if (this.#waiter !== undefined) throw new Error('it is being read already: one loop at a time reads');
    options.signal?.throwIfAborted();
    for (;;) {
      const item = this.#take();
      if (item instanceof ReceivedMessage) return item;
      if (item !== undefined) this.#tellOf(item);
      else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error as Error;
        return undefined;
      } else await this.#somethingNew(options.signal);
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: async () => {
        const value = await this.receive();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Follows the topic no longer; what was not taken is forgotten. Idempotent. */
  async close(): Promise<void> {
    this.#items.clear();
    this.#finish(undefined);
    await this.#following;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(): Item | undefined {
    const item = this.#items.shift();
    if (item instanceof ReceivedMessage) this.#aheadBytes -= weightOf(item);
    if (this.#isPaused && !this.#isFull(0.5)) {
      this.#isPaused = false;
      this.#call?.resume();
    }
    return item;
  }

  #isFull(share: number): boolean {
    return this.#items.length >= MAX_AHEAD_MESSAGES * share || this.#aheadBytes >= MAX_AHEAD_BYTES * share;
  }

  #tellOf(gap: GapNotice): void {
    const { onGap } = this.#options;
    if (onGap === undefined) throw gapError(gap);
    onGap(gap);
  }

  #somethingNew(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const detach = onAbort(signal, () => {
        this.#waiter = undefined;
        if (signal !== undefined) reject(reasonOf(signal));
      });
      this.#waiter = () => {
        detach();
        resolve();
      };
    });
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.();
  }

  /** The first reason counts. */
  #finish(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#call?.cancel();
    this.#work.abort(error);
    this.#wake();
  }

  async #follow(): Promise<void> {
    try {
      await this.#callAfterCall(this.#work.signal);
      this.#finish(undefined);
    } catch (error) {
      this.#finish(error);
    }
  }

  /** Resolves when the topic has ended; throws why there is no use in another call. */
  async #callAfterCall(signal: AbortSignal): Promise<void> {
    const host = this.#host;
    const startedAtMs = host.clock.now();
    let wasAnswered = false;
    for (let failures = 0; ; failures += 1) {
      const call = await this.#begin(signal);
      const error = call instanceof SubscribeCall ? await call.ended : call;
      if (error === undefined || signal.aborted) return;
      if (call instanceof SubscribeCall && call.wasAnswered) {
        wasAnswered = true;
        failures = 0;
      }
      const waitMs = host.waitMs(failures, error);
      const isTooLate = !wasAnswered && host.clock.now() + waitMs - startedAtMs >= host.patienceMs;
      if (error.retry === 'never' || isTooLate) throw error;
      await sleep(waitMs, host.clock, signal);
    }
  }

  /** A call under way, or why there is none. */
  async #begin(signal: AbortSignal): Promise<SubscribeCall | ClientError> {
    const { history = 0, afterSequence = 0 } = this.#options;
    try {
      const place = await this.#host.place(signal);
      signal.throwIfAborted();
      const isFirst = this.#position === 0;
      const request = {
        topic: this.topic,
        afterSequence: isFirst ? afterSequence : this.#position,
        history: isFirst ? history : 0,
        overflow: this.#overflow,
      };
      this.#call = new SubscribeCall(this.#host, place, request, (message) => {
        this.#arrived(message);
      });
      if (this.#isPaused) this.#call.pause();
      return this.#call;
    } catch (error) {
      if (error instanceof ClientError && !signal.aborted) return error;
      throw error;
    }
  }

  #arrived(message: DataMessage): void {
    const { sequence, control } = message;
    if (isData(message)) this.#add(sequence, new ReceivedMessage(message));
    else if (control?.action === 'gap') this.#lost(control);
    // Both tell where in the topic we are, so that nothing is missed that comes before the first message.
    else if (
      message.type === MessageType.HEARTBEAT ||
      (control?.action === 'welcome' && this.#position === 0)
    )
      this.#position = Math.max(this.#position, sequence);
  }

  #lost({ fromSequence, toSequence, reason }: Gap): void {
    this.#add(toSequence, { fromSequence: Math.max(fromSequence, this.#position + 1), toSequence, reason });
  }

  #add(sequence: number, item: Item): void {
    // It was there before the connection broke.
    if (sequence <= this.#position) return;
    this.#position = sequence;
    this.#items.push(item);
    if (item instanceof ReceivedMessage) this.#aheadBytes += weightOf(item);
    if (!this.#isPaused && this.#isFull(1)) {
      this.#isPaused = true;
      this.#call?.pause();
    }
    this.#wake();
  }
}

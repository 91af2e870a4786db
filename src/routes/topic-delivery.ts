import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import { permissionMissing } from '../core/permission.js';
import { isDropped, PolicyQueue, type QueueItem } from '../flow/policy-queue.js';
import type { Size } from '../flow/window.js';
import { MISSED_NAME, MISSED_REASON_NAME } from '../engine/topic-message.js';
import type { RouteMessage, RouteSession } from '../session/route.js';
import type { TopicMessage, TopicSubscriber, TopicSubscription } from '../session/topic-route.js';
import { weightOf } from '../wire/messages.js';

export interface TopicDeliveryOptions {
  readonly session: RouteSession;
  readonly clock: Clock;
  /** The name of the route, for permissions. */
  readonly route: string;
  /** What may wait behind a send that has to. */
  readonly waiting: Size;
  /** How long it may hold a publisher: for what it is told then. */
  readonly sendTimeoutMs: number;
  /** What all sessions of the route have queued. */
  readonly queued: QueuedDeliveries;
  /** All that waited has been sent: there is room for other things. */
  readonly onIdle: () => void;
}

/** Messages that wait behind a send which has to, and those that were dropped there. */
export interface QueuedDeliveries {
  messages: number;
  bytes: number;
  dropped: number;
}

interface Waiting extends QueueItem {
  readonly message: TopicMessage;
}

/** One that finds no room in the queue: its publisher is held until there is. */
interface HeldBack {
  readonly item: Waiting;
  readonly released: () => void;
}

/**
 * A session that follows a topic. What is published goes straight to it, where
 * its own window and policy act. Where it has to wait nevertheless (a simple
 * connection, the budget exceeded, `block`), what follows queues here, under the
 * same policy, so that the topic is never kept waiting but under `block`.
 */
export class TopicDelivery implements TopicSubscriber {
  readonly clientId: string;
  readonly #options: TopicDeliveryOptions;
  readonly #session: RouteSession;
  /** Made for the first message that has to queue: most never do. */
  #queue: PolicyQueue<Waiting> | undefined;
  #subscription: TopicSubscription | undefined;
  /** By which it was allowed to follow: a renewed token may allow less. */
  #identity: RouteSession['identity'];
  /** A send is not taken yet. */
  #sending = false;
  /** Lets the publisher of that one go on. */
  #released: (() => void) | undefined;
  #heldBack: HeldBack | undefined;
  #over = false;
  /** What of `queued` is its own. */
  readonly #counted: QueuedDeliveries = { messages: 0, bytes: 0, dropped: 0 };

  constructor(options: TopicDeliveryOptions) {
    this.#options = options;
    this.#session = options.session;
    this.clientId = options.session.clientId;
    this.#identity = options.session.identity;
  }

  /** Whether something waits to be sent: other things had better wait too. */
  get isBusy(): boolean {
    return this.#sending || this.#over;
  }

  /** What has come from history may have ended it already. */
  bind(subscription: TopicSubscription): void {
    this.#subscription = subscription;
    if (this.#over) subscription.close();
  }

  deliver(message: TopicMessage): undefined | Promise<void> {
    if (this.#over || !this.#isAllowed()) return undefined;
    if (this.#sending) return this.#enqueue(message);
    this.#send(message);
    if (!this.#isWaiting || !this.#holdsPublishers) return undefined;
    return new Promise((released) => {
      this.#released = released;
    });
  }

  missed(fromSequence: number, toSequence: number): void {
    if (this.#over) return;
    if (this.#sending) this.#queued().lost(fromSequence, toSequence, 'RESUME_EXPIRED');
    else this.#tellMissed(fromSequence, toSequence, 'RESUME_EXPIRED');
  }

  tooSlow(): void {
    this.#fail(`for ${this.#options.sendTimeoutMs} ms (stream.sendTimeout)`);
  }

  /** Something of the route's own, while nothing waits. */
  sendOwn(fields: RouteMessage): void {
    this.#give(fields);
  }

  /** Its client is away: nobody is held for it. What waits, waits. */
  detached(): void {
    this.#letGo();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue?.clear();
    this.#count();
    this.#subscription?.close();
    this.#letGo();
    this.#heldBack = undefined;
  }

  get #isWaiting(): boolean {
    return this.#sending && !this.#over;
  }

  get #holdsPublishers(): boolean {
    return this.#session.overflow === 'block' && this.#session.attached;
  }

  #letGo(): void {
    const released = this.#released;
    this.#released = undefined;
    released?.();
    this.#heldBack?.released();
  }

  #isAllowed(): boolean {
    const { identity, subject } = this.#session;
    if (identity === this.#identity) return true;
    this.#identity = identity;
    const { route } = this.#options;
    if (identity.allows('subscribe', route, subject)) return true;
    this.#session.fail(permissionMissing('subscribe', { route, subject, named: true }));
    return false;
  }

  #enqueue(message: TopicMessage): undefined | Promise<void> {
    const nowMs = this.#options.clock.now();
    const { sequence, key, ttlMs } = message;
    const expiresAtMs = ttlMs === 0 ? undefined : nowMs + ttlMs;
    const item: Waiting = { sequence, key, bytes: weightOf(message), expiresAtMs, message };
    const admitted = this.#heldBack === undefined ? this.#queued().offer(item, nowMs) : 'full';
    this.#count();
    if (admitted === 'taken') return undefined;
    if (admitted === 'disconnect' || this.#heldBack !== undefined || !this.#holdsPublishers) {
      const { messages, bytes } = this.#queued();
      this.#fail(
        `while ${messages} others of ${bytes} bytes wait already (session.waitingMessages, session.waitingSize)`,
      );
      return undefined;
    }
    return new Promise((released) => {
      this.#heldBack = { item, released };
    });
  }

  #queued(): PolicyQueue<Waiting> {
    const { messages, bytes } = this.#options.waiting;
    const { overflow } = this.#session;
    return (this.#queue ??= new PolicyQueue({ overflow, maxMessages: messages, maxBytes: bytes }));
  }

  #send(message: TopicMessage): void {
    const { sequence } = message;
    // The topic's message is what a route sends already: nothing is made for each subscriber.
    const refusal = this.#give(message);
    if (refusal !== undefined) this.#tellMissed(sequence, sequence, refusal);
  }

  /** Returns why this message alone can't be sent. */
  #give(fields: RouteMessage): string | undefined {
    let taken: undefined | Promise<void>;
    try {
      taken = this.#session.send(fields);
    } catch (error) {
      return this.#refused(error);
    }
    if (taken === undefined) return undefined;
    this.#sending = true;
    const { sequence } = fields as Partial<TopicMessage>;
    taken.then(
      () => {
        this.#taken();
      },
      (error: unknown) => {
        const refusal = this.#refused(error);
        if (refusal !== undefined && sequence !== undefined) this.#refusedLater(sequence, refusal);
        else this.#taken();
      },
    );
    return undefined;
  }

  /** The code of an error that concerns one message; any other is the end of the session. */
  #refused(error: unknown): string | undefined {
    if (error instanceof SluiceError && (error.code === 'MESSAGE_TOO_LARGE' || error.code === 'OVERLOADED'))
      return error.code;
    this.close();
    return undefined;
  }

  #refusedLater(sequence: number, refusal: string): void {
    this.#sending = false;
    this.#tellMissed(sequence, sequence, refusal);
    if (!this.#isWaiting) this.#taken();
  }

  #tellMissed(from: number, to: number, reason: string): void {
    const metadata = new Map([
      [MISSED_NAME, `${from}-${to}`],
      [MISSED_REASON_NAME, reason],
    ]);
    this.#give({ metadata });
  }

  /** The send that had to wait is done: what queued behind it goes on. */
  #taken(): void {
    this.#sending = false;
    const released = this.#released;
    this.#released = undefined;
    released?.();
    while (!this.isBusy) {
      const entry = this.#queue?.take(this.#options.clock.now());
      if (entry === undefined) break;
      this.#takeHeldBack();
      if (isDropped(entry)) this.#tellMissed(entry.from, entry.to, entry.reason);
      else this.#send(withTimeLeft(entry, this.#options.clock.now()));
    }
    this.#count();
    if (!this.isBusy) this.#options.onIdle();
  }

  /** Adds to what all have queued what has changed here. */
  #count(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    const { queued } = this.#options;
    const counted = this.#counted;
    const dropped = queue.dropped.overflow + queue.dropped.expired;
    queued.messages += queue.messages - counted.messages;
    queued.bytes += queue.bytes - counted.bytes;
    queued.dropped += dropped - counted.dropped;
    counted.messages = queue.messages;
    counted.bytes = queue.bytes;
    counted.dropped = dropped;
  }

  /** There is room for the one that found none. */
  #takeHeldBack(): void {
    const heldBack = this.#heldBack;
    if (heldBack === undefined) return;
    if (this.#queued().offer(heldBack.item, this.#options.clock.now()) !== 'taken') return;
    this.#heldBack = undefined;
    heldBack.released();
  }

  #fail(how: string): void {
    const { subject, overflow } = this.#session;
    this.#session.fail(
      new SluiceError(
        'SLOW_CONSUMER',
        `the client did not take a message of topic ${this.#options.route}/${subject} ${how}, and its policy is ${overflow}`,
      ),
    );
    this.close();
  }
}

function withTimeLeft({ message, expiresAtMs }: Waiting, nowMs: number): TopicMessage {
  if (expiresAtMs === undefined) return message;
  return { ...message, ttlMs: Math.max(1, Math.floor(expiresAtMs - nowMs)) };
}

import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import { permissionMissing } from '../core/permission.js';
import { quoted } from '../core/printable.js';
import type { Presence, TopicStore } from '../engine/contract.js';
import { PRESENCE_COUNT_NAME, PRESENCE_NAME } from '../engine/topic-message.js';
import type { Size } from '../flow/window.js';
import type { RouteHandler, RouteMessage, RouteSession } from '../session/route.js';
import type { DataMessage } from '../wire/messages.js';
import { PresenceFeed, type PresenceFeedPort } from './presence-feed.js';
import { type QueuedDeliveries, TopicDelivery } from './topic-delivery.js';

export interface TopicSessionOptions {
  readonly clock: Clock;
  readonly store: TopicStore;
  /** The name of the route. */
  readonly route: string;
  readonly ownMessages: boolean;
  readonly presence: boolean;
  /** How many clients are named at most. */
  readonly maxPresence: number;
  readonly waiting: Size;
  readonly sendTimeoutMs: number;
  /** What all sessions of the route have queued. */
  readonly queued: QueuedDeliveries;
}

const encoder = new TextEncoder();

/** A session of a topic: what its client sends is published, what others publish comes to it. */
export class TopicSession implements RouteHandler, PresenceFeedPort {
  readonly #session: RouteSession;
  readonly #options: TopicSessionOptions;
  /** Undefined where its client may only publish. */
  readonly #delivery: TopicDelivery | undefined;
  #feed: PresenceFeed | undefined;
  #unfollow: (() => void) | undefined;

  /** Throws what refuses the session. */
  constructor(session: RouteSession, options: TopicSessionOptions) {
    this.#session = session;
    this.#options = options;
    const { identity, subject } = session;
    const { route } = options;
    if (subject === '') {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `route ${route} has topics: name one as the subject (Open.subject, or the metadata x-subject)`,
      );
    }
    // Who uploads hears nothing.
    const mayFollow = session.hears !== false && identity.allows('subscribe', route, subject);
    if (!mayFollow && !identity.allows('publish', route, subject))
      throw permissionMissing('subscribe', { route, subject, named: true });
    this.#delivery = mayFollow ? this.#follow() : undefined;
  }

  get isBusy(): boolean {
    return this.#delivery?.isBusy ?? true;
  }

  handle(message: DataMessage): undefined | Promise<void> {
    const ask = message.metadata?.get(PRESENCE_NAME);
    return ask === undefined ? this.#publish(message) : this.#presence(ask);
  }

  detached(): void {
    this.#delivery?.detached();
  }

  closed(): void {
    this.#unfollow?.();
    this.#delivery?.close();
  }

  sendOwn(fields: RouteMessage): void {
    this.#delivery?.sendOwn(fields);
  }

  sendList(): void {
    const presence = this.#who();
    if (!(presence instanceof Promise)) {
      this.sendOwn(listOf(presence));
      return;
    }
    void presence.then((known) => {
      this.sendOwn(listOf(known));
    });
  }

  #follow(): TopicDelivery {
    const { store, ...options } = this.#options;
    const session = this.#session;
    const delivery = new TopicDelivery({
      ...options,
      session,
      onIdle: () => {
        this.#feed?.flush();
      },
    });
    delivery.bind(store.subscribe(session.subject, session.start, delivery));
    return delivery;
  }

  #publish({ data, key, metadata, ttlMs, more }: DataMessage): undefined | Promise<void> {
    const { identity, subject, clientId } = this.#session;
    const { route, store, ownMessages } = this.#options;
    if (!identity.allows('publish', route, subject))
      throw permissionMissing('publish', { route, subject, named: true });
    if (more) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        'a message in pieces (more) can not be published over a simple connection: open the session, or send it whole',
      );
    }
    const except = ownMessages ? undefined : this.#delivery;
    const published = store.publish(subject, { data, key, metadata, ttlMs, from: clientId, except });
    return published instanceof Promise ? published.then(() => undefined) : undefined;
  }

  #presence(ask: string): undefined | Promise<void> {
    const { route, presence } = this.#options;
    const { subject } = this.#session;
    if (!presence) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `presence of route ${route} is off (routes.${route}.presence)`,
      );
    }
    if (this.#delivery === undefined) throw permissionMissing('subscribe', { route, subject, named: true });
    switch (ask) {
      case 'who':
        return this.#answerWho();
      case 'follow':
        // First: what happens while the list is on its way comes behind it.
        return this.#followPresence(this.#answerWho());
      case 'unfollow':
        this.#unfollow?.();
        this.#unfollow = this.#feed = undefined;
        return undefined;
      default:
        throw new SluiceError(
          'INVALID_MESSAGE',
          `metadata ${PRESENCE_NAME} is ${quoted(ask)}: who, follow or unfollow is expected`,
        );
    }
  }

  #followPresence(answered: undefined | Promise<void>): undefined | Promise<void> {
    if (this.#feed === undefined) {
      this.#feed = new PresenceFeed(this);
      this.#unfollow = this.#options.store.followPresence(this.#session.subject, this.#feed);
    }
    return answered;
  }

  #answerWho(): undefined | Promise<void> {
    const presence = this.#who();
    if (presence instanceof Promise) return presence.then((known) => this.#session.send(listOf(known)));
    return this.#session.send(listOf(presence));
  }

  #who(): Presence | Promise<Presence> {
    return this.#options.store.presence(this.#session.subject, this.#options.maxPresence);
  }
}

/** A JSON list of client IDs; the count is of all, however many are named. */
function listOf({ clients, count }: Presence): RouteMessage {
  return {
    data: encoder.encode(JSON.stringify([...clients].sort())),
    metadata: new Map([
      [PRESENCE_NAME, 'who'],
      [PRESENCE_COUNT_NAME, String(count)],
    ]),
  };
}

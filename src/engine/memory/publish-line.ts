import { SluiceError } from '../../core/errors.js';
import { RingQueue } from '../../flow/ring-queue.js';
import { Load, type Size } from '../../flow/window.js';
import { detachedBytes } from '../../session/detached-message.js';
import type { Published, TopicPublication } from '../../session/topic-route.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../flow/byte-account.js';

export interface WaitingPublish {
  readonly publication: TopicPublication;
  readonly bytes: number;
  readonly done: (published: Published | Promise<Published>) => void;
  readonly failed: (error: unknown) => void;
}

export interface PublishLineLimits {
  /** Of one topic; in bytes, one may always wait. */
  readonly messages: number;
  readonly bytes: number;
  /** What the settings are named by. */
  readonly settings: string;
}

/** How soon to try again where too many wait. */
const RETRY_MS = 1_000;

/** What waits to be published in one topic, behind what a subscriber holds: first come, first served. */
export class PublishLine {
  readonly #queue = new RingQueue<WaitingPublish>();
  readonly #load = new Load();
  readonly #limits: PublishLineLimits;
  /** Of all topics. */
  readonly #total: Load;

  constructor(limits: PublishLineLimits, total: Load) {
    this.#limits = limits;
    this.#total = total;
  }

  get load(): Size {
    return this.#load;
  }

  /** Throws OVERLOADED. */
  add(publication: TopicPublication): Promise<Published> {
    const { messages, bytes: maxBytes, settings } = this.#limits;
    const bytes = publication.data.byteLength + MESSAGE_OVERHEAD_BYTES;
    const held = this.#load;
    if (held.messages >= messages || (held.messages > 0 && held.bytes + bytes > maxBytes)) {
      throw new SluiceError(
        'OVERLOADED',
        `${held.messages} messages of ${held.bytes} bytes wait to be published in the topic already, for a subscriber ` +
          `whose policy is block does not take what came before (${settings}.maxWaitingPublishes = ${messages}, ` +
          `${settings}.waitingPublishSize = ${maxBytes} bytes)`,
        { retryAfterMs: RETRY_MS },
      );
    }
    held.add(bytes);
    this.#total.add(bytes);
    return new Promise<Published>((done, failed) => {
      // It stays beyond the turn in which it came.
      const kept = { ...publication, data: detachedBytes(publication.data) };
      this.#queue.push({ publication: kept, bytes, done, failed });
    });
  }

  shift(): WaitingPublish | undefined {
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    this.#load.subtract(next.bytes);
    this.#total.subtract(next.bytes);
    return next;
  }
}

import type { Clock } from '../../core/clock.js';
import type { TopicMessage } from '../../session/topic-route.js';
import { MessageType, weightOf } from '../../wire/messages.js';
import type { LaneItem } from './subscription-lane.js';

/**
 * A topic's message as it goes to those who subscribe: made once where it is
 * delivered to one after another, as a topic does.
 */
export class TopicItems {
  readonly #clock: Clock;
  #message: TopicMessage | undefined;
  #item: LaneItem | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(message: TopicMessage): LaneItem {
    if (message === this.#message && this.#item !== undefined) return this.#item;
    const { sequence, timestampMs, data, metadata, key, ttlMs } = message;
    const item: LaneItem = {
      sequence,
      key,
      bytes: weightOf(message),
      // What the topic gives is what is left of it, however long ago it was published.
      expiresAtMs: ttlMs === 0 ? undefined : this.#clock.now() + ttlMs,
      message: {
        type: MessageType.DATA,
        sessionId: '',
        sequence,
        ack: 0,
        timestampMs,
        data,
        metadata: metadata.size === 0 ? undefined : metadata,
        key,
        more: false,
        control: undefined,
        ttlMs,
      },
    };
    this.#message = message;
    this.#item = item;
    return item;
  }
}

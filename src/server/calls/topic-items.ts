import type { Clock } from '../../core/clock.js';
import type { TopicMessage } from '../../session/topic-route.js';
import { messageSize } from '../../wire/codec.js';
import { type DataMessage, MessageType, weightOf } from '../../wire/messages.js';
import type { LaneItem } from './subscription-lane.js';

/**
 * A topic's message as it goes to those who subscribe: made once where it is
 * delivered to one after another, as a topic does.
 */
export class TopicItems {
  readonly #clock: Clock;
  readonly #maxMessageBytes: number;
  #message: TopicMessage | undefined;
  #item: LaneItem | undefined;

  constructor(clock: Clock, maxMessageBytes: number) {
    this.#clock = clock;
    this.#maxMessageBytes = maxMessageBytes;
  }

  of(message: TopicMessage): LaneItem {
    if (message === this.#message && this.#item !== undefined) return this.#item;
    const { sequence, timestampMs, data, metadata, key, ttlMs } = message;
    const sent: DataMessage = {
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
    };
    const bytes = weightOf(message);
    const item: LaneItem = {
      sequence,
      key,
      bytes,
      // What the topic gives is what is left of it, however long ago it was published.
      expiresAtMs: ttlMs === 0 ? undefined : this.#clock.now() + ttlMs,
      message: sent,
      // A session may publish more than one message holds. The exact size is worth counting only where it may matter.
      isTooLarge: bytes * 2 >= this.#maxMessageBytes && messageSize(sent) > this.#maxMessageBytes,
    };
    this.#message = message;
    this.#item = item;
    return item;
  }
}

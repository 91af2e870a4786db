import { weightOf, type DataMessage } from '../wire/messages.js';
import { detached } from './detached-message.js';

export interface RecentLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** A session's last messages, for routes that want context: the newest that fit both bounds. */
export class RecentMessages {
  readonly #limits: RecentLimits;
  readonly #messages: DataMessage[] = [];
  #bytes = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** Oldest first. */
  get messages(): readonly DataMessage[] {
    return this.#messages;
  }

  /** A message larger than the bound in bytes is not kept, nor is anything before it: a context has no holes. */
  note(message: DataMessage): void {
    const weight = weightOf(message);
    if (weight > this.#limits.maxBytes || this.#limits.maxMessages === 0) {
      this.#messages.length = 0;
      this.#bytes = 0;
      return;
    }
    this.#messages.push(detached(message));
    this.#bytes += weight;
    while (this.#messages.length > this.#limits.maxMessages || this.#bytes > this.#limits.maxBytes) {
      const oldest = this.#messages.shift();
      if (oldest === undefined) break;
      this.#bytes -= weightOf(oldest);
    }
  }
}

import type { Clock, Timer } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import { detachedBytes } from '../../session/detached-message.js';
import { EMPTY_BYTES, type DataMessage } from '../../wire/messages.js';

export interface OneRequestOptions {
  readonly clock: Clock;
  /** 0: no limit. */
  readonly firstMessageTimeoutMs: number;
  readonly onLate: (error: SluiceError) => void;
}

/**
 * The request of a call that has one: until the client's half-close it is not
 * whole, and has to be within the time for a first message. That it is exactly
 * one is the transport's to see.
 */
export class OneRequest {
  #body: Uint8Array = EMPTY_BYTES;
  #timer: Timer | undefined;

  constructor({ clock, firstMessageTimeoutMs, onLate }: OneRequestOptions) {
    if (firstMessageTimeoutMs === 0) return;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      onLate(
        new SluiceError(
          'RECEIVE_TIMEOUT',
          `no whole request, with its half-close, within ${firstMessageTimeoutMs} ms (stream.firstMessageTimeout)`,
        ),
      );
    }, firstMessageTimeoutMs);
  }

  get bytes(): number {
    return this.#body.length;
  }

  take(messages: readonly DataMessage[]): void {
    for (const { data } of messages) this.#body = detachedBytes(data);
  }

  /** All of it is here. */
  whole(): Uint8Array {
    this.stop();
    const body = this.#body;
    this.#body = EMPTY_BYTES;
    return body;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

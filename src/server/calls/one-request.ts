import type { Clock, Timer } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import type { Quota } from '../../flow/quota.js';
import { detachedBytes } from '../../session/detached-message.js';
import { EMPTY_BYTES, type DataMessage } from '../../wire/messages.js';

export interface OneRequestOptions {
  readonly clock: Clock;
  /** 0: no limit. */
  readonly firstMessageTimeoutMs: number;
  /** Where what is here of it is counted. */
  readonly quota: Quota;
  readonly onLate: (error: SluiceError) => void;
}

/**
 * The request of a call that has one: until the client's half-close it is not
 * whole, and has to be within the time for a first message. That it is exactly
 * one is the transport's to see.
 */
export class OneRequest {
  readonly #quota: Quota;
  #body: Uint8Array = EMPTY_BYTES;
  #timer: Timer | undefined;

  constructor({ clock, firstMessageTimeoutMs, quota, onLate }: OneRequestOptions) {
    this.#quota = quota;
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
    this.#quota.set(1, this.#body.length);
  }

  /** All of it is here. */
  whole(): Uint8Array {
    const body = this.#body;
    this.stop();
    return body;
  }

  /** It is not waited for any more. Idempotent. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#body = EMPTY_BYTES;
    this.#quota.set(0, 0);
  }
}

import { RingQueue } from '../../flow/ring-queue.js';
import type { DataMessage } from '../../wire/messages.js';

/** One payload of a route, of so many messages. */
export type Payload = readonly [DataMessage, ...DataMessage[]];

export interface WaitingSend {
  readonly payload: Payload;
  readonly bytes: number;
  readonly taken: () => void;
  readonly refused: (error: unknown) => void;
}

/** A session's sends that wait for room, in order. Whoever adds holds the bound. */
export class WaitingSends {
  /** Made for the first: most routes never wait. */
  #queue: RingQueue<WaitingSend> | undefined;
  bytes = 0;
  /** What their payloads are made of. */
  messages = 0;

  get length(): number {
    return this.#queue?.length ?? 0;
  }

  get first(): WaitingSend | undefined {
    return this.#queue?.peek();
  }

  /** Resolves when the payload is taken; rejects with what ended the session, or refused it. */
  add(payload: Payload, bytes: number): Promise<void> {
    this.bytes += bytes;
    this.messages += payload.length;
    const queue = (this.#queue ??= new RingQueue());
    const promise = new Promise<void>((taken, refused) => {
      queue.push({ payload, bytes, taken, refused });
    });
    // A route may not look at the promise; the session's end is no fault of the process.
    promise.catch(() => undefined);
    return promise;
  }

  shift(): WaitingSend | undefined {
    const first = this.#queue?.shift();
    if (first === undefined) return undefined;
    this.bytes -= first.bytes;
    this.messages -= first.payload.length;
    return first;
  }

  refuseAll(error: unknown): void {
    for (let send = this.shift(); send !== undefined; send = this.shift()) send.refused(error);
  }
}

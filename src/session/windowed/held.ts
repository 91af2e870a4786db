import type { Linked } from '../../flow/linked-list.js';
import type { DataMessage } from '../../wire/messages.js';

/** One message held for the client, in a list by sequence. */
export interface Held extends Linked<Held> {
  /** Its sequence is set. */
  readonly message: DataMessage;
  readonly bytes: number;
  /** The sequence of the first piece of its payload. */
  readonly payload: number;
  /** When it is not worth delivering any more, in Clock.now(). */
  readonly deadlineMs: number | undefined;
}

/** The first message behind the payload that this one is a piece of. */
export function afterPayload(held: Held): Held | undefined {
  let next = held.next;
  while (next?.payload === held.payload) next = next.next;
  return next;
}

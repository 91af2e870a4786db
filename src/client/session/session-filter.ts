import type { Message, Payload, SendOptions } from '../message.js';

/** What stands between an application and its session. */
export interface SessionFilter {
  /** Whether what comes goes through `receive`. */
  readonly receives: boolean;
  send(data: Payload, options: SendOptions | undefined, untilSettled: boolean): Promise<void>;
  /** The next message; undefined: there will be none. */
  receive(signal: AbortSignal | undefined): Promise<Message | undefined>;
}

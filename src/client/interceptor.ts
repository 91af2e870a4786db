import type { Message, Payload, SendOptions } from './message.js';
import type { OpenOptions } from './options.js';
import type { Session } from './session/session.js';

export interface OpenRequest {
  /** "" is the gateway's default route. */
  readonly route: string;
  readonly options: OpenOptions;
}

export interface SendRequest {
  readonly data: Payload;
  readonly options: SendOptions;
  readonly session: Session;
}

/**
 * Code of the user's own around what a client does; each part may be left out.
 * What it throws is thrown to whoever opened, sent or received.
 */
export interface Interceptor {
  /** Around `open`: may change the request, and must return what `next` gives, or throw. */
  open?(request: OpenRequest, next: (request: OpenRequest) => Promise<Session>): Promise<Session>;
  /** Around `send` and `sendAndWait`: resolves when `next` does. In order: a send that waits here holds those behind it. */
  send?(request: SendRequest, next: (request: SendRequest) => Promise<void>): Promise<void>;
  /** Each message before the application takes it: gives that message or another; undefined: it is done with, and not given. */
  receive?(message: Message, session: Session): Message | undefined | Promise<Message | undefined>;
}

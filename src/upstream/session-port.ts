import type { SluiceError } from '../core/errors.js';
import type { DataMessage } from '../wire/messages.js';

/** What an upstream needs of a session: of what a route is given, no more. */
export interface SessionPort {
  /** Undefined: taken at once. Else wait for the promise before the next. Throws, or rejects, once the session has ended. */
  send(message: DataMessage): undefined | Promise<void>;
  /** Ends it after what was sent. */
  end(reason?: string): void;
  /** Ends it at once, and tells its client why. */
  fail(error: SluiceError): void;
}

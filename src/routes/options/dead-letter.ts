import type { Logger } from '../../core/logger.js';
import { SluiceError } from '../../core/errors.js';
import { isPromise } from '../../core/is-promise.js';
import { MAX_PUBLISHED_METADATA } from '../../engine/topic-message.js';
import { errorControl } from '../../session/control-messages.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import type { RouteCounters } from '../route-counters.js';
import { RouteWrapper, wrappedHandler } from '../route-wrapper.js';
import type { DeadLetterTarget } from './dead-letter-target.js';

export interface DeadLetterOptions {
  readonly name: string;
  readonly target: DeadLetterTarget;
  /** What a message that went to the dead letter is to its client. */
  readonly outcome: 'accepted' | 'failed';
  readonly logger: Logger;
  readonly counters: RouteCounters;
}

/**
 * Gives what the route failed on to another route, with metadata that says what
 * it was. What that fails on, too, fails as it did.
 */
export class DeadLetters extends RouteWrapper {
  protected readonly inner: Route;
  readonly #options: DeadLetterOptions;

  constructor(inner: Route, options: DeadLetterOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  override stop(): void {
    this.#options.target.stop();
    super.stop();
  }

  open(session: RouteSession): RouteHandler {
    const handler = this.openInner(session);
    const failed = (message: DataMessage, error: unknown): Promise<void> =>
      this.#failed(session, message, error);
    return wrappedHandler(handler, (message) => {
      let result: unknown;
      try {
        result = handler.handle(message);
      } catch (error) {
        return failed(message, error);
      }
      if (!isPromise(result)) return undefined;
      return Promise.resolve(result).then(
        () => undefined,
        (error: unknown) => failed(message, error),
      );
    });
  }

  async #failed(session: RouteSession, message: DataMessage, error: unknown): Promise<void> {
    // Dropped with its session, it is not acknowledged: its client knows.
    if (isOver(session) || isRefusal(error)) throw error;
    const { name, target, outcome, logger, counters } = this.#options;
    const about = {
      route: name,
      session: `${session.clientId}:${session.sessionId}`,
      sequence: message.sequence,
    };
    try {
      const metadata = this.#metadata(session, message, error);
      const { data, key } = message;
      await target.take({ data, key, metadata, from: session.clientId }, session.signal);
    } catch (fault) {
      if (isOver(session)) throw error;
      counters.deadLetterFailures += 1;
      logger.error({ err: fault, ...about }, 'a dead letter was not taken');
      throw error;
    }
    counters.deadLettered += 1;
    if (outcome === 'failed') throw error;
    // Nobody else tells of it: to the client it is accepted.
    if (!(error instanceof SluiceError))
      logger.warn({ err: error, ...about }, 'a message went to the dead letter');
  }

  /** Its own, then what says where it came from; of its own, what there is room for, in a topic too. */
  #metadata(session: RouteSession, message: DataMessage, error: unknown): ReadonlyMap<string, string> {
    // The words its client would be told: those of an unknown error may hold secrets.
    const { code, message: text } = errorControl(error);
    const said = {
      'x-error-code': code,
      'x-error': text,
      'x-route': this.#options.name,
      'x-subject': session.subject,
      'x-client-id': session.clientId,
      'x-session-id': session.sessionId,
      'x-sequence': String(message.sequence),
    };
    const own = [...(message.metadata ?? [])].filter(([name]) => !Object.hasOwn(said, name));
    const added = Object.entries(said);
    return new Map([...own.slice(0, MAX_PUBLISHED_METADATA - added.length), ...added]);
  }
}

/** Who may not send it shall be told so, and fill no dead letter. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof SluiceError && (error.code === 'PERMISSION_DENIED' || error.code === 'UNAUTHENTICATED')
  );
}

function isOver({ signal }: RouteSession): boolean {
  return signal.aborted;
}

import { SluiceError } from '../../core/errors.js';
import type { Route } from '../../session/route.js';
import type { TopicRoute } from '../../session/topic-route.js';
import { InternalSession } from '../internal-session.js';

/** A message on its way to the dead letter. */
export interface DeadLetter {
  readonly data: Uint8Array;
  readonly key: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** The client it came from. */
  readonly from: string;
}

export interface DeadLetterPlace {
  readonly route: string;
  /** "": the name of the route that failed. */
  readonly subject: string;
}

/** `route` or `route/subject`. */
export function deadLetterPlace(text: string): DeadLetterPlace {
  const slash = text.indexOf('/');
  return slash < 0
    ? { route: text, subject: '' }
    : { route: text.slice(0, slash), subject: text.slice(slash + 1) };
}

interface TargetOptions {
  readonly place: DeadLetterPlace;
  /** The name of the route whose messages these are. */
  readonly source: string;
  readonly find: (name: string) => Route | undefined;
  readonly wallNow: () => number;
}

/**
 * Where a route's dead letters go: published to a topic, or given to any other
 * route in one session that no client holds. What waits there is what the
 * sessions of the failed route wait for, and goes with them: their inboxes bound it.
 */
export class DeadLetterTarget {
  readonly #options: TargetOptions;
  #session: InternalSession | undefined;
  #stopped = false;

  constructor(options: TargetOptions) {
    this.#options = options;
  }

  /** Resolves when it is accepted there; rejects when it is not, or its own session ends while it waits. */
  async take(letter: DeadLetter, signal: AbortSignal): Promise<void> {
    const { place, source, find } = this.#options;
    const route = find(place.route);
    if (route === undefined) throw new SluiceError('UNKNOWN_ROUTE', `there is no route "${place.route}"`);
    const subject = place.subject === '' ? source : place.subject;
    if (route.topic === undefined) await this.#sessionWith(route, subject).deliver(letter, signal);
    else await publish(route.topic, subject, letter);
  }

  stop(): void {
    this.#stopped = true;
    this.#session?.end('the gateway stops');
    this.#session = undefined;
  }

  /** Opened with the first letter, and again where the route has ended it. */
  #sessionWith(route: Route, subject: string): InternalSession {
    if (this.#stopped) throw new SluiceError('DRAINING', 'the gateway stops');
    if (this.#session === undefined || this.#session.ended) {
      const { source, wallNow } = this.#options;
      this.#session = new InternalSession(route, { sessionId: `dead-letter:${source}`, subject, wallNow });
    }
    return this.#session;
  }
}

async function publish(topic: TopicRoute, subject: string, letter: DeadLetter): Promise<void> {
  await topic.publish(subject, letter);
}

import { type Outgoing, routeMessage } from './outgoing-message.js';
import type { StreamSession } from './stream-session.js';

/** A session of a client, as it is now. */
export interface ClientSession {
  /** `clientID:sessionID`, as it is printed. */
  readonly name: string;
  readonly sessionId: string;
  readonly route: string;
  readonly subject: string;
  /** Whether a connection holds it; else it waits for its client to come back. */
  readonly attached: boolean;
}

/** To which sessions; default: to all. */
export interface PushFilter {
  readonly route?: string;
  readonly subject?: string;
  /** On simple connections several may have this ID. */
  readonly sessionId?: string;
  /** To which of those that are left. */
  readonly where?: (session: ClientSession) => boolean;
}

/** What became of a push. */
export interface Pushed {
  /** Sessions that have taken it: it is under way, or waits for its client, under the session's overflow policy. */
  readonly sent: number;
  /** Sessions that have not, each with why: it has ended, or too much waits for it already. */
  readonly failed: readonly { readonly session: ClientSession; readonly error: unknown }[];
}

/** What a push needs of the sessions there are. */
export interface ClientSessionsSource {
  ofClient(clientId: string): Iterable<StreamSession>;
}

/** All sessions of one client, wherever they are in this gateway: for pushes to a user. Holds nothing. */
export class ClientSessions {
  readonly clientId: string;
  readonly #source: ClientSessionsSource;

  constructor(clientId: string, source: ClientSessionsSource) {
    this.clientId = clientId;
    this.#source = source;
  }

  /** Those that are open at this moment; uploads (Ingest) are not among them, for they hear nothing. */
  get sessions(): readonly ClientSession[] {
    return this.#open().map(shown);
  }

  /**
   * Sends to each of the client's sessions, as `RouteSession.send` does: under
   * `block` it waits for room in each, and resolves when all have it or have
   * ended. Await it: what waits is bounded for each session, and what is over
   * that fails with OVERLOADED. Rejects only for what is no message; a client without sessions: sent 0.
   * Once `signal` is aborted nobody waits any more: a session that has not taken it is among those that
   * failed, with the signal's reason, though it may take it yet.
   */
  send(message: Outgoing, filter: PushFilter = {}, signal?: AbortSignal): Promise<Pushed> {
    const { route, subject, sessionId, where } = filter;
    const chosen = this.#open().filter(
      (session) =>
        (route === undefined || session.routeName === route) &&
        (subject === undefined || session.subject === subject) &&
        (sessionId === undefined || session.sessionId === sessionId) &&
        where?.(shown(session)) !== false,
    );
    return push(chosen, message, signal);
  }

  /** One of its sessions; on simple connections several may have this ID. */
  session(sessionId: string): { send(message: Outgoing): Promise<Pushed> } {
    return {
      send: (message) => this.send(message, { sessionId }),
    };
  }

  #open(): StreamSession[] {
    return [...this.#source.ofClient(this.clientId)].filter(({ state, hears }) => state === 'open' && hears);
  }
}

async function push(
  sessions: readonly StreamSession[],
  message: Outgoing,
  signal: AbortSignal | undefined,
): Promise<Pushed> {
  const fields = routeMessage(message);
  const failed: Pushed['failed'][number][] = [];
  const sends = sessions.map(async (session) => {
    try {
      const taken = session.send(fields);
      if (taken !== undefined) await (signal === undefined ? taken : unlessAborted(taken, signal));
    } catch (error) {
      failed.push({ session: shown(session), error });
    }
  });
  await Promise.all(sends);
  return { sent: sessions.length - failed.length, failed };
}

/** Rejects with the signal's reason when that comes first. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
  });
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function shown(session: StreamSession): ClientSession {
  const { name, sessionId, routeName: route, subject } = session;
  return { name, sessionId, route, subject, attached: session.connectionId !== '' };
}

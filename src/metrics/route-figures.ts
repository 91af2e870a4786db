/** What the options of one configured route hold and have done (`routes.<name>`). */
export interface RouteOptionFigures {
  readonly route: string;
  /** Where there is a `maxSessions`; else 0. */
  readonly sessions: number;
  readonly sessionsRefused: number;
  readonly messagesTooLarge: number;
  readonly timeouts: number;
  readonly retries: number;
  /** Messages that wait for their next attempt. */
  readonly retrying: number;
  readonly failedAfterAcknowledged: number;
  readonly deadLettered: number;
  readonly deadLetterFailures: number;
}

/** The topics of one route, now and since the start. */
export interface TopicFigures {
  readonly route: string;
  readonly topics: number;
  readonly subscribers: number;
  readonly historyMessages: number;
  readonly historyBytes: number;
  readonly idempotencyKeys: number;
  /** Behind one that a subscriber under `block` holds. */
  readonly waitingPublishes: number;
  readonly waitingPublishBytes: number;
  /** Behind sends that wait for room, all subscribers. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly published: number;
  readonly publishedBytes: number;
  readonly duplicates: number;
  readonly delivered: number;
  readonly held: number;
  readonly tooSlow: number;
  /** Dropped from these queues. */
  readonly queueDropped: number;
  readonly topicsRefused: number;
  readonly subscribersRefused: number;
  readonly publishesRefused: number;
}

/** The backends of one upstream, now and since the start. */
export interface UpstreamFigures {
  readonly name: string;
  readonly addresses: readonly BackendFigures[];
  /** Sessions without a backend. */
  readonly waiting: number;
  readonly messagesRepeated: number;
  readonly messagesUnavailable: number;
  readonly messagesGivenUp: number;
  /** Of backends, and too large for their client. */
  readonly messagesRefused: number;
  readonly ackTimeouts: number;
  readonly offences: number;
}

/** What is known of a backend's health. Values of the label `health`. */
export const BACKEND_HEALTHS = ['unknown', 'serving', 'unwatched', 'not-serving', 'unreachable'] as const;

export interface BackendFigures {
  readonly address: string;
  /** Whether a session may begin there now: well, let through, and with room. */
  readonly available: boolean;
  /** Whether something is wrong with it; one that is merely full is not. */
  readonly down: boolean;
  readonly health: (typeof BACKEND_HEALTHS)[number];
  readonly breaker: 'closed' | 'open' | 'half-open';
  readonly sessions: number;
  readonly streamsOpened: number;
  readonly streamsLost: number;
}

import type { RateLimitFigures } from './rate-limit-figures.js';
import type { ProxiesFigures } from './proxy-figures.js';
import type { RouteOptionFigures, TopicFigures, UpstreamFigures } from './route-figures.js';

/** What rises and falls, asked of its owners when somebody looks. Called a few times a minute: may walk all connections. */
export interface MetricsSources {
  /** Connections registered now. */
  connections(): number;
  /** Sessions that exist now. */
  sessions(): number;
  /** Network connections open now, those without a stream included. */
  sockets(): number;
  /** The same of the HTTP address. Undefined, or left out, where there is none. */
  edgeSockets?(): number | undefined;
  queues(): QueueDepths;
  /** The opened sessions, all together. */
  windowed(): WindowedLevels;
  memory(): MemoryLevels;
  /** Calls of Publish under way, and those of them that a subscriber under `block` holds. */
  publishes?(): { readonly underWay: number; readonly held: number };
  /** Pushes under way. */
  pushes?(): number;
  /** Every route that is configured. Left out: there are none. */
  routes?(): readonly RouteOptionFigures[];
  /** Of each configured rate limit. */
  rateLimits?(): readonly RateLimitFigures[];
  /** A route each that has topics. Left out: there are none. */
  topics?(): readonly TopicFigures[];
  /** Every upstream that is configured. Left out: there are none. */
  upstreams?(): readonly UpstreamFigures[];
  /** Undefined, or left out, where no proxy is configured. */
  proxies?(): ProxiesFigures | undefined;
  /** Undefined, or left out, where nobody has to say who they are. */
  auth?(): AuthLevels | undefined;
}

/** What is held of those who are not known yet, not believed, or not wanted. */
export interface AuthLevels {
  /** Streams that have not said yet who they are. */
  readonly unidentified: number;
  /** Addresses that failed attempts are held against. */
  readonly failingAddresses: number;
  /** Subjects that are revoked, by the admin address or by the file. */
  readonly revocations: number;
  /** Undefined where there is no key server. */
  readonly jwks: JwksLevels | undefined;
  /** Whether the authorization service is not asked for now; undefined where there is none. */
  readonly calloutBreakerOpen: boolean | undefined;
}

/** What opened sessions are and hold at this moment. */
export interface WindowedLevels {
  /** Sessions, the detached ones included. */
  readonly sessions: number;
  /** Those of them that wait for their client. */
  readonly detached: number;
  /** Bytes that these hold. */
  readonly detachedBytes: number;
  /** Records of sessions that have ended. */
  readonly ended: number;
  /** Bytes of these records. */
  readonly endedBytes: number;
  /** Sent, and not yet acknowledged by their clients. */
  readonly inFlight: Level;
  /** To be sent, and waiting for a window, a client or a turn. */
  readonly waiting: Level;
  /** Received, and not yet done with by their routes. */
  readonly unhandled: Level;
  /** Messages of the session that has the most of each. */
  readonly most: { readonly inFlight: number; readonly waiting: number; readonly unhandled: number };
}

export interface Level {
  readonly messages: number;
  readonly bytes: number;
}

/** The account of all buffered bytes. */
export interface MemoryLevels {
  readonly bufferedBytes: number;
  /** `memory.budget`, what 0 stands for worked out. */
  readonly budgetBytes: number;
}

export interface JwksLevels {
  /** Since the start. */
  readonly fetches: { readonly ok: number; readonly failed: number };
  /** Since the keys in use were fetched; undefined before the first time. */
  readonly ageMs: number | undefined;
}

export interface QueueDepths {
  /** Received, and not yet handed to a route. */
  readonly receive: QueueDepth;
  /** To be sent, and not yet handed to the network. */
  readonly send: QueueDepth;
  /** Bytes handed to the network that it has not taken yet, in all. */
  readonly bytesInFlight: number;
}

/** All connections' queues of one direction. */
export interface QueueDepth {
  readonly messages: number;
  readonly bytes: number;
  /** Messages in the fullest of them: one slow client does not show in a sum. */
  readonly maxMessages: number;
}

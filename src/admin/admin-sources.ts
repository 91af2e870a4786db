/** What the admin address shows; whoever composes the gateway provides it. Only `revocations` changes anything. */
export interface AdminSources {
  /** All connections, or one client's, in any order. Walked within one turn. */
  connections(clientId?: string): Iterable<InspectedConnection>;
  connection(id: string): InspectedConnection | undefined;
  /** All sessions, or one client's, in any order. Walked within one turn. */
  sessions(clientId?: string): Iterable<InspectedSession>;
  /** Where several have this name, the oldest. */
  session(clientId: string, sessionId: string): InspectedSession | undefined;
  /** Everything counted, as JSON. */
  totals(): object;
  ready(): Readiness;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Left out where there is nobody to throw out. */
  readonly revocations?: Revocations;
}

/** Who is thrown out, and how to do it. */
export interface Revocations {
  /** In any order, a subject twice that is revoked both ways. Walked within one turn. */
  list(): Iterable<RevocationSnapshot>;
  /**
   * Ends all connections and sessions of the subject, and refuses it from now
   * on. Once more: from then on, and longer. Refused, with a sentence for a
   * person, where no more can be held.
   */
  revoke(subject: string, reason?: string): Revoked | { readonly refused: string };
  /** Takes back what `revoke` did; false when there was nothing. What the file names stays. */
  pardon(subject: string): boolean;
}

export interface Revoked {
  readonly connectionsEnded: number;
  /** Of proxies, and pushes. */
  readonly callsEnded: number;
  readonly sessionsEnded: number;
  /** RFC 3339: how long it holds. */
  readonly until: string;
}

export interface RevocationSnapshot {
  readonly subject: string;
  /** Where it comes from. */
  readonly source: 'api' | 'file';
  /** RFC 3339: what was issued before is refused. */
  readonly issuedBefore: string;
  /** RFC 3339; null for as long as it stands in the file. */
  readonly until: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, each a short text; empty when ready. */
  readonly reasons: readonly string[];
}

/** What connections can be ordered by. */
export const CONNECTION_LOADS = [
  'sendQueue',
  'receiveQueue',
  'bytesInFlight',
  'sendRate',
  'receiveRate',
] as const;
export type ConnectionLoad = (typeof CONNECTION_LOADS)[number];

/** A connection that can be listed cheaply: the snapshot is taken only for those that are shown. */
export interface InspectedConnection {
  readonly id: string;
  readonly clientId: string;
  slowBecause(): ConnectionSnapshot['slowBecause'];
  /** Messages in the queue, bytes in flight, or messages a second. */
  load(of: ConnectionLoad): number;
  snapshot(): ConnectionSnapshot;
}

/** A session; simple connections of one client may each hold one of the same name. */
export interface InspectedSession {
  readonly clientId: string;
  readonly sessionId: string;
  snapshot(): SessionSnapshot;
}

/** Times in milliseconds, sizes in bytes, rates in messages a second over the recent past. */
export interface ConnectionSnapshot {
  readonly id: string;
  readonly clientId: string;
  readonly peer: string;
  /** grpc, websocket, http or memory. */
  readonly carrier: string;
  /** connecting, open, draining or closed. */
  readonly state: string;
  /** StreamData or StreamBatches. */
  readonly method: string;
  /** How the gateway knows who it is, and what that means. */
  readonly identity?: IdentitySnapshot;
  readonly ageMs: number;
  /** Since anything arrived. */
  readonly idleMs: number;
  readonly sessions: number;
  readonly receiveQueue: QueueSnapshot;
  readonly sendQueue: QueueSnapshot;
  /** Handed to the network, which has not taken it yet: what a client that does not read leaves behind. */
  readonly bytesInFlight: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly receiveRate: number;
  readonly sendRate: number;
  /** Whether the throttle holds its sends now, and for how long it has in all. */
  readonly throttled: boolean;
  readonly throttledMs: number;
  /** Whether the client has paused delivery. */
  readonly paused: boolean;
  /** Whether a full receive queue has stopped the reading. */
  readonly readingStopped: boolean;
  /** How often it has been, and for how long in all, a present stop among them. */
  readonly readingStops: number;
  readonly readingStoppedMs: number;
  /** What holds it up now; null when nothing does. */
  readonly slowBecause: 'paused' | 'throttled' | 'client' | 'acks' | 'route' | null;
}

export interface IdentitySnapshot {
  /** anonymous, static, jwt or certificate. */
  readonly method: string;
  /** Of `auth.classes`. */
  readonly class: string;
  /** RFC 3339: of the token or the certificate; null where it holds for good. */
  readonly expiresAt: string | null;
}

export interface QueueSnapshot {
  readonly messages: number;
  readonly bytes: number;
  /** The most messages that it has held at a time. */
  readonly most: number;
  /** Messages it may hold. */
  readonly capacity: number;
}

export interface SessionSnapshot {
  /** `clientId:sessionId`, for people. */
  readonly id: string;
  readonly clientId: string;
  readonly sessionId: string;
  /** Null while the session waits for its client. */
  readonly connectionId: string | null;
  readonly route: string;
  readonly subject: string;
  readonly state: string;
  readonly ageMs: number;
  readonly idleMs: number;
  /** Messages waiting for the route, and for the client. */
  readonly inbox: number;
  readonly outbox: number;
  readonly kind: 'simple' | 'windowed';
  readonly up: FlowSnapshot;
  readonly down: FlowSnapshot;
}

/** `admitted = delivered + dropped + pending` */
export interface FlowSnapshot {
  readonly admitted: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly pending: number;
}

import type { Identity } from '../core/identity.js';
import type { Clock } from '../core/clock.js';
import type { FlowCounters } from '../core/counters.js';
import { Load, type Size } from '../flow/window.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { ConnectionPool } from '../pool/connection-pool.js';
import type { SessionManager } from '../session/session-manager.js';
import type { StreamSession } from '../session/stream-session.js';
import { WindowedSession } from '../session/windowed/windowed-session.js';
import type { WindowedSessions } from '../session/windowed/windowed-sessions.js';
import { slowBecause, type SlowReason } from './slow-because.js';
import type { StreamingServer } from './streaming-server.js';
import type { Supervised } from './supervised.js';

/** Messages a second over the recent past. */
export interface ConnectionRates {
  readonly receive: number;
  readonly send: number;
}

/** What an inspection looks into. */
export interface Inspected {
  readonly clock: Clock;
  readonly pool: ConnectionPool;
  readonly sessions: SessionManager;
  readonly server: StreamingServer;
  readonly rates: { of(connection: ClientConnection): ConnectionRates };
  /** `stream.sendBufferSize`: what may be in flight before the send loop waits for the network. Default 64 KiB, as there. */
  readonly sendBufferBytes?: number;
}

const DEFAULT_SEND_BUFFER_BYTES = 64 * 1024;

/** What connections can be ordered by. */
type ConnectionLoad = 'sendQueue' | 'receiveQueue' | 'bytesInFlight' | 'sendRate' | 'receiveRate';

type ConnectionSnapshot = ReturnType<typeof connectionSnapshot> & { readonly slowBecause: SlowReason | null };
type SessionSnapshot = ReturnType<typeof sessionSnapshot>;

interface InspectedConnection {
  readonly id: string;
  readonly clientId: string;
  slowBecause(): SlowReason | null;
  /** Messages in the queue, bytes in flight, or messages a second. */
  load(of: ConnectionLoad): number;
  snapshot(): ConnectionSnapshot;
}

interface InspectedSession {
  readonly clientId: string;
  readonly sessionId: string;
  snapshot(): SessionSnapshot;
}

/** All there is, or one client's. */
export interface Inspection {
  connections(clientId?: string): Iterable<InspectedConnection>;
  connection(id: string): InspectedConnection | undefined;
  sessions(clientId?: string): Iterable<InspectedSession>;
  /** Where several connections of a client hold a session of this name: the oldest. */
  session(clientId: string, sessionId: string): InspectedSession | undefined;
}

/** What all windowed sessions are and hold. */
interface WindowedLevels {
  readonly sessions: number;
  readonly detached: number;
  readonly detachedBytes: number;
  readonly ended: number;
  readonly endedBytes: number;
  readonly inFlight: Size;
  readonly waiting: Size;
  readonly unhandled: Size;
  /** Messages of the session that has the most of each. */
  readonly most: { readonly inFlight: number; readonly waiting: number; readonly unhandled: number };
}

interface QueueDepth {
  messages: number;
  bytes: number;
  /** Of the fullest queue. */
  maxMessages: number;
}

/** Lists of what there is, each taken apart only when it is shown. */
export function inspection({
  clock,
  pool,
  sessions,
  server,
  rates,
  sendBufferBytes = DEFAULT_SEND_BUFFER_BYTES,
}: Inspected): Inspection {
  const ofConnection = (supervisor: Supervised) => {
    const { connection } = supervisor;
    return {
      id: connection.id,
      clientId: connection.clientId,
      slowBecause: () => slowBecause(supervisor, sendBufferBytes),
      load: (of: ConnectionLoad) => loadOf(connection, of, rates),
      snapshot: () => ({
        ...connectionSnapshot(supervisor, clock.now(), rates.of(connection)),
        slowBecause: slowBecause(supervisor, sendBufferBytes),
      }),
    };
  };
  const ofSession = (session: StreamSession) => ({
    clientId: session.clientId,
    sessionId: session.sessionId,
    snapshot: () => sessionSnapshot(session, clock.now()),
  });
  return {
    *connections(clientId?: string) {
      for (const { id } of clientId === undefined ? pool : pool.ofClient(clientId)) {
        const supervisor = server.supervisor(id);
        if (supervisor !== undefined) yield ofConnection(supervisor);
      }
    },
    connection(id: string) {
      const supervisor = server.supervisor(id);
      return supervisor === undefined ? undefined : ofConnection(supervisor);
    },
    *sessions(clientId?: string) {
      for (const session of clientId === undefined ? sessions : sessions.ofClient(clientId))
        yield ofSession(session);
    },
    session(clientId: string, sessionId: string) {
      return sessions.find(clientId, sessionId).map(ofSession)[0];
    },
  };
}

/** What holds each of them up. */
export function* slowReasons(connections: Iterable<InspectedConnection>): Generator<SlowReason | null> {
  for (const connection of connections) yield connection.slowBecause();
}

/** One connection as an operator sees it. Times in milliseconds, sizes in bytes. */
function connectionSnapshot(supervisor: Supervised, now: number, rates: ConnectionRates) {
  const { connection } = supervisor;
  const { stream, receiveQuota, sendQueue } = connection;
  return {
    id: connection.id,
    clientId: connection.clientId,
    peer: stream.peer,
    carrier: stream.carrier,
    state: connection.state.kind,
    method: stream.method,
    ageMs: Math.round(now - connection.openedAt),
    idleMs: Math.round(now - connection.lastActivity),
    kind: supervisor.kind,
    sessions: supervisor.sessionCount,
    receiveQueue: {
      messages: receiveQuota.messages,
      bytes: receiveQuota.bytes,
      most: receiveQuota.most,
      capacity: receiveQuota.maxMessages,
    },
    sendQueue: {
      messages: sendQueue.quota.messages,
      bytes: sendQueue.quota.bytes,
      most: sendQueue.quota.most,
      capacity: sendQueue.quota.maxMessages,
    },
    bytesInFlight: stream.bytesInFlight,
    messagesReceived: connection.messagesReceived,
    messagesSent: connection.messagesSent,
    bytesReceived: stream.bytesReceived,
    bytesSent: stream.bytesSent,
    receiveRate: tenths(rates.receive),
    sendRate: tenths(rates.send),
    throttled: connection.throttled,
    throttledMs: Math.round(connection.throttledMs),
    paused: sendQueue.paused,
    readingStopped: connection.readingStopped,
    readingStops: connection.readingStops,
    readingStoppedMs: Math.round(readingStoppedMs(connection, now)),
    identity: {
      method: connection.identity.method,
      class: connection.identity.clientClass,
      expiresAt: expiryOf(connection.identity),
    },
  };
}

/** The present stop among them. */
function readingStoppedMs(connection: ClientConnection, now: number): number {
  const { readingStopped, readingStoppedAt, readingStoppedMs: before } = connection;
  return readingStopped ? before + now - readingStoppedAt : before;
}

/** RFC 3339; null where it holds for good. */
function expiryOf({ expiresAtMs }: Identity): string | null {
  return expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString();
}

/** An average over seconds has no more to say. */
function tenths(rate: number): number {
  return Math.round(rate * 10) / 10;
}

function loadOf(connection: ClientConnection, load: ConnectionLoad, rates: Inspected['rates']): number {
  const { sendQueue, receiveQuota, stream } = connection;
  switch (load) {
    case 'sendQueue':
      return sendQueue.quota.messages;
    case 'receiveQueue':
      return receiveQuota.messages;
    case 'bytesInFlight':
      return stream.bytesInFlight;
    case 'sendRate':
      return rates.of(connection).send;
    case 'receiveRate':
      return rates.of(connection).receive;
  }
}

/** One session as an operator sees it. */
function sessionSnapshot(session: StreamSession, now: number) {
  return {
    id: session.name,
    clientId: session.clientId,
    sessionId: session.sessionId,
    connectionId: session.connectionId === '' ? null : session.connectionId,
    route: session.routeName,
    subject: session.subject,
    state: session.state,
    ageMs: Math.round(now - session.createdAt),
    idleMs: Math.round(session.idleMs(now)),
    kind: session instanceof WindowedSession ? ('windowed' as const) : ('simple' as const),
    inbox: session.inboxLength,
    outbox: session.outboxLength,
    ...(session instanceof WindowedSession ? windowedSnapshot(session, now) : {}),
    up: flowSnapshot(session.up),
    down: flowSnapshot(session.down),
  };
}

/** What there is beside to know of an opened session. */
function windowedSnapshot(session: WindowedSession, now: number) {
  return {
    inFlight: session.inFlight.messages,
    waiting: session.waiting.messages,
    sendsWaiting: session.waitingSends,
    heldBytes: session.heldBytes,
    detachedMs: session.attached ? 0 : Math.round(now - session.detachedAt),
  };
}

/** The queues of all connections together, and the fullest of each kind. */
export function queueDepths(connections: Iterable<ClientConnection>): {
  receive: QueueDepth;
  send: QueueDepth;
  bytesInFlight: number;
} {
  const receive = { messages: 0, bytes: 0, maxMessages: 0 };
  const send = { messages: 0, bytes: 0, maxMessages: 0 };
  let bytesInFlight = 0;
  for (const { receiveQuota, sendQueue, stream } of connections) {
    addDepth(receive, receiveQuota);
    addDepth(send, sendQueue.quota);
    bytesInFlight += stream.bytesInFlight;
  }
  return { receive, send, bytesInFlight };
}

/** All windowed sessions together. */
export function windowedLevels(sessions: WindowedSessions): WindowedLevels {
  const [inFlight, waiting, unhandled] = [new Load(), new Load(), new Load()];
  const most = { inFlight: 0, waiting: 0, unhandled: 0 };
  for (const session of sessions) {
    most.inFlight = Math.max(most.inFlight, session.inFlight.messages);
    most.waiting = Math.max(most.waiting, session.waiting.messages);
    most.unhandled = Math.max(most.unhandled, session.unhandled.messages);
    addSize(inFlight, session.inFlight);
    addSize(waiting, session.waiting);
    addSize(unhandled, session.unhandled);
  }
  const { size, detached, remembered } = sessions;
  return {
    sessions: size,
    detached: detached.size,
    detachedBytes: detached.bytes,
    ended: remembered.size,
    endedBytes: remembered.bytes,
    inFlight,
    waiting,
    unhandled,
    most,
  };
}

function addSize(sum: Load, { messages, bytes }: Size): void {
  sum.messages += messages;
  sum.bytes += bytes;
}

function addDepth(sum: QueueDepth, queue: { readonly messages: number; readonly bytes: number }): void {
  sum.messages += queue.messages;
  sum.bytes += queue.bytes;
  sum.maxMessages = Math.max(sum.maxMessages, queue.messages);
}

function flowSnapshot({ admitted, delivered, dropped, pending }: FlowCounters) {
  return { admitted, delivered, dropped, pending };
}

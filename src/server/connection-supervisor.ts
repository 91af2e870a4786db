import type { Clock, Timer } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import { tally, type DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Turn } from '../core/turn.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { ByteAccount } from '../flow/byte-account.js';
import { closedControl, errorControl } from '../session/control-messages.js';
import type { SessionManager } from '../session/session-manager.js';
import type { WindowedSessions } from '../session/windowed/windowed-sessions.js';
import type { StreamClose, StreamReceiver } from '../transport/contract.js';
import { controlMessage, dataMessage, MessageType, type DataMessage, type Open } from '../wire/messages.js';
import type { ConnectionSessions, Receiving } from './connection-sessions.js';
import { endGraceMs } from './end-grace.js';
import type { Gatekeeper } from './gatekeeper.js';
import { IdentityWatch, type IdentityWatchEvents } from './identity-watch.js';
import { ControlHandler, type ControlHost } from './control-handler.js';
import { saidBack } from './session-id.js';
import { Leaving } from './leaving.js';
import type { DelayedAcks } from './delayed-acks.js';
import { Liveness } from './liveness.js';
import { Reading } from './reading.js';
import { ReceiveLoop, type ReceiveEvents } from './receive-loop.js';
import { SendLoop } from './send-loop.js';
import type { ServerCounters } from './server-counters.js';
import type { StreamSettings } from './settings.js';
import { sequencedData } from './simple-attachment.js';
import { SimpleSessions, type RouteChoice, type SimpleSessionsHost } from './simple-sessions.js';
import { throttleFor } from './throttle-for.js';
import type { StallWatch } from './stall-watch.js';
import type { Supervised } from './supervised.js';
import { WindowedAttachments, type WindowedAttachmentsHost } from './windowed-attachments.js';

/** What all connections of a server share. */
export interface SupervisorContext {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly stalls: StallWatch;
  readonly acks: DelayedAcks;
  readonly sessions: SessionManager;
  readonly windowed: WindowedSessions;
  /** All bytes that are buffered, against the budget. */
  readonly account: ByteAccount;
  readonly counters: ServerCounters;
  readonly settings: StreamSettings;
  readonly logger: Logger;
  readonly gatekeeper: Gatekeeper;
  /** What a client is greeted with, first and whenever it has authenticated. */
  readonly welcome: (connection: ClientConnection) => DataMessage;
  /** A session was not opened. */
  readonly openRefused: (connection: ClientConnection, sessionId: string, error: SluiceError) => void;
  /** The connection is over and holds nothing any more. */
  readonly onGone: (supervisor: Supervised, end: ConnectionEnd, error?: SluiceError) => void;
}

export const CLOSE_ENDS: Readonly<Record<StreamClose, ConnectionEnd>> = {
  ended: 'OK',
  reset: 'CANCELLED',
  cancelled: 'CANCELLED',
  lost: 'LOST',
  deadline: 'DEADLINE_EXCEEDED',
};

/**
 * Joins the two loops of one connection and its sessions. Whatever ends it (the
 * first error of either loop, a timeout, the client, a drain) ends all of it,
 * once, and leaves nothing behind.
 */
export class ConnectionSupervisor
  implements
    Supervised,
    ReceiveEvents,
    ControlHost,
    SimpleSessionsHost,
    WindowedAttachmentsHost,
    IdentityWatchEvents
{
  readonly connection: ClientConnection;
  readonly receiver: StreamReceiver;
  readonly begun = true;
  readonly #context: SupervisorContext;
  readonly #resumeOnly: SluiceError | undefined;
  /** Simple until an Open comes: a client's first words say which. */
  #sessions: ConnectionSessions;
  #kind: 'undecided' | 'simple' | 'windowed' = 'undecided';
  readonly #receiveLoop: ReceiveLoop;
  readonly #reading: Reading;
  readonly #sendLoop: SendLoop;
  readonly #liveness: Liveness;
  readonly #leaving: Leaving;
  readonly #identity: IdentityWatch;
  readonly #control: ControlHandler;
  #answersWereBlocked = false;
  #endTimer: Timer | undefined;
  #endError: SluiceError | undefined;

  /** `resumeOnly`: the gateway leaves, and who came for anything else than to resume is refused with it. */
  constructor(
    context: SupervisorContext,
    connection: ClientConnection,
    choice: RouteChoice,
    resumeOnly?: SluiceError,
  ) {
    const { clock, counters, settings } = context;
    this.#resumeOnly = resumeOnly;
    this.connection = connection;
    this.#context = context;
    this.#sessions = new SimpleSessions(context, this, choice);
    this.#receiveLoop = new ReceiveLoop(clock, connection, this, counters);
    this.receiver = this.#receiveLoop;
    this.#reading = new Reading(clock, connection, settings, this, counters);
    this.#sendLoop = new SendLoop(context, connection, settings, this, counters);
    this.#liveness = new Liveness(clock, connection, settings, this);
    this.#leaving = new Leaving(clock, connection, settings, this);
    this.#identity = new IdentityWatch(clock, connection, context.gatekeeper, settings, this);
    this.#control = new ControlHandler(this);
  }

  get sendingIsHeld(): boolean {
    const { sendQueue, stream, throttled } = this.connection;
    return sendQueue.paused || throttled || stream.bytesInFlight >= this.#context.settings.sendBufferBytes;
  }

  get maxMessageBytes(): number {
    return this.#context.settings.maxMessageBytes;
  }

  get hasDataToGo(): boolean {
    return this.#sessions.hasDataToGo;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get undecidedBytes(): number {
    return this.#sessions.undecidedBytes;
  }

  get sessions(): ConnectionSessions {
    return this.#sessions;
  }

  get waitForAcks(): boolean {
    return this.#sessions.waitForAcks;
  }

  get kind(): 'undecided' | 'simple' | 'windowed' {
    return this.#kind;
  }

  /** Above the budget only those are read from whom acks can be withheld instead, or who may be about to say that they are such. */
  get readingIsHeld(): boolean {
    if (this.#sessions.holdsReading) return true;
    return this.#context.account.exceeded && this.#kind === 'simple';
  }

  get oweSomething(): boolean {
    return this.#sessions.oweSomething;
  }

  now(): number {
    return this.#context.clock.now();
  }

  stampMs(): number {
    return this.#context.turn.stampMs();
  }

  /** Begins: the client is greeted, the clocks run. */
  start(): void {
    this.connection.transition({ kind: 'open' });
    this.notify(this.#context.welcome(this.connection));
    this.#liveness.start();
    this.#leaving.start();
    this.#identity.start();
  }

  /** Queues control for the client, ahead of data. */
  notify(message: DataMessage): void {
    if (this.connection.state.kind === 'closed') return;
    this.connection.sendQueue.pushControl(message);
    this.wake();
  }

  wake(): void {
    this.#sendLoop.wake();
  }

  /** Queues a HEALTH_CHECK; false when there is no room for it. */
  probe(sequence: number): boolean {
    const { sendQueue } = this.connection;
    if (this.connection.state.kind === 'closed' || sendQueue.controlRoom === 0) return false;
    const timestampMs = this.stampMs();
    this.connection.openProbe = { sequence, timestampMs };
    this.notify(dataMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs }));
    return true;
  }

  /** The budget has room again. */
  relieve(): void {
    this.#reading.goOn();
  }

  /** Tells the client to leave within `graceMs`; what is left then ends with `error`. */
  drain(graceMs: number, reason: string, error: SluiceError): void {
    this.#leaving.begin(graceMs, reason, error);
  }

  /**
   * Ends the connection with what was written so far, control that waits and
   * the status. Waiting data is dropped and counted. The first call wins.
   */
  end(error?: SluiceError): void {
    if (!this.connection.transition({ kind: 'closed', end: error?.code ?? 'OK' })) return;
    this.#endError = error;
    this.#releaseSessions(error);
    this.#sendLoop.finish();
    this.#stopLoops();
    const { stream } = this.connection;
    stream.end(error);
    this.#endTimer = this.#context.clock.setTimeout(
      () => {
        stream.reset();
      },
      endGraceMs(error, this.#context.settings.sendTimeoutMs),
    );
  }

  /** Ends the connection without waiting for the peer to take anything. */
  abort(error: SluiceError): void {
    if (this.connection.transition({ kind: 'closed', end: error.code })) {
      this.#endError = error;
      this.#releaseSessions(error);
      this.#stopLoops();
    }
    this.connection.stream.reset();
  }

  // --- what the receive loop says ---

  sessionFor(message: DataMessage): Receiving | undefined {
    if (this.#kind === 'undecided' && message.sequence === 0) {
      if (this.#resumeOnly !== undefined) {
        this.fail(this.#resumeOnly);
        return undefined;
      }
      this.#kind = 'simple';
    }
    if (this.#kind === 'windowed') return this.#sessions.receiverOf(message.sessionId);
    if (message.sequence === 0) return this.#sessions.receiverOf(message.sessionId);
    this.fail(sequencedData(message));
    return undefined;
  }

  defers(message: DataMessage): boolean {
    return this.#sessions.defers(message);
  }

  onAck(message: DataMessage): void {
    this.#sessions.acknowledge(message);
  }

  onOpen(sessionId: string, open: Open): void {
    if (this.#kind === 'undecided') {
      this.#kind = 'windowed';
      this.#sessions = new WindowedAttachments(this.#context, this);
    }
    // A client with sessions has promised to be heard from.
    this.#liveness.promised();
    this.#sessions.open(sessionId, open);
  }

  onControl(message: DataMessage): void {
    this.#control.handle(message);
  }

  onHeartbeat(): void {
    this.#context.counters.heartbeatsReceived += 1;
    this.#liveness.promised();
  }

  onHealthCheck(message: DataMessage): void {
    this.#control.onHealthCheck(message);
  }

  refuse(sessionId: string, error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    this.notify(controlMessage(errorControl(error), saidBack(sessionId)));
  }

  refuseSession(sessionId: string, error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    const named = saidBack(sessionId);
    this.#context.openRefused(this.connection, named, error);
    this.notify(controlMessage(closedControl(error), named));
  }

  ignored(): void {
    tally(this.#context.counters.messagesRefused, 'not-open');
  }

  fail(error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    this.end(error);
  }

  onHalfClose(): void {
    this.connection.halfClosed = true;
    this.#resumeAll();
    this.#endWhenDone();
  }

  onReadingStopped(): void {
    if (this.connection.readingStopped) return;
    this.#reading.stop();
  }

  onReceived(): void {
    this.#noteBlocked();
    // What was read again may have paused what its client can't resume any more.
    if (this.connection.halfClosed) this.#resumeAll();
    this.#leaving.checkLimits();
  }

  onWritten(): void {
    this.#sendLoop.written();
  }

  onClose(close: StreamClose): void {
    const end = CLOSE_ENDS[close];
    if (this.connection.transition({ kind: 'closed', end })) this.#releaseSessions(undefined);
    this.#stopLoops();
    this.#endTimer?.cancel();
    this.connection.sendQueue.clearControl();
    const { state } = this.connection;
    this.#context.onGone(this, state.kind === 'closed' ? state.end : end, this.#endError);
  }

  // --- who is calling ---

  authenticate(token: string): void {
    this.#identity.authenticate(token);
  }

  refreshed(): void {
    const { connection } = this;
    this.#context.counters.auth.tokensRefreshed += 1;
    connection.throttle = throttleFor(
      connection.identity,
      this.#context.settings,
      this.now(),
      connection.throttle,
    );
    this.notify(this.#context.welcome(connection));
    this.#sessions.identityChanged();
  }

  expired(): void {
    this.#context.counters.auth.tokensExpired += 1;
  }

  // --- what the send loop says ---

  onSent(): void {
    if (this.#answersWereBlocked && this.connection.sendQueue.controlRoom > 0) {
      this.#answersWereBlocked = false;
      this.#sessions.pump();
      this.#noteBlocked();
    }
    this.#receiveLoop.goOn();
    this.#reading.sent();
    this.#leaving.checkLimits();
    this.#endWhenDone();
  }

  onSlow(stalledMs: number, bytesInFlight: number): void {
    this.#context.counters.slowConsumers += 1;
    const error = new SluiceError(
      'SLOW_CONSUMER',
      `the client has taken none of ${bytesInFlight} bytes for ${stalledMs} ms ` +
        `(stream.sendTimeout = ${this.#context.settings.sendTimeoutMs} ms)`,
    );
    // A page that wakes up is to read why: a WebSocket has its connection to itself, and ends as it is left, or in time.
    if (this.connection.stream.carrier === 'websocket') this.end(error);
    else this.abort(error);
  }

  onFault(error: unknown): void {
    this.#context.logger.error({ err: error, connection: this.connection.id }, 'a fault ended a connection');
    this.abort(new SluiceError('INTERNAL', 'a fault of the gateway ended the connection; its log says more'));
  }

  // --- what the clocks say ---

  heartbeatDue(): void {
    const { sendQueue, stream } = this.connection;
    const { counters, settings } = this.#context;
    if (sendQueue.isFull || stream.bytesInFlight >= settings.sendBufferBytes) {
      counters.heartbeatsSkipped += 1;
      return;
    }
    counters.heartbeatsSent += 1;
    this.notify(dataMessage({ type: MessageType.HEARTBEAT, timestampMs: this.stampMs() }));
  }

  silent(error: SluiceError): void {
    this.fail(error);
  }

  // --- what the sessions say ---

  handled(): void {
    this.#noteBlocked();
    this.#reading.goOn();
    this.#endWhenDone();
  }

  forget(attachment: Receiving): void {
    this.#receiveLoop.forget(attachment);
  }

  replay(messages: readonly DataMessage[]): void {
    this.#receiveLoop.replay(messages);
    this.handled();
  }

  sendWaits(): void {
    this.#reading.sendWaits();
  }

  observeProcessing(ms: number): void {
    this.#context.counters.processing.observe(ms);
  }

  /** Messages may wait for room among the answers: `onSent` goes on with them. */
  #noteBlocked(): void {
    if (this.connection.sendQueue.controlRoom === 0) this.#answersWereBlocked = true;
  }

  #endWhenDone(): void {
    const { halfClosed, sendQueue } = this.connection;
    if (halfClosed && sendQueue.isEmpty && this.#sessions.isDone) this.end();
  }

  /** A client that has said its last word can't resume any more: it is given what there is. */
  #resumeAll(): void {
    this.connection.sendQueue.resumeAll();
    this.#sessions.resumeAll();
    this.wake();
  }

  #releaseSessions(error: SluiceError | undefined): void {
    const reason: DropReason = error?.code === 'DRAINING' ? 'drained' : 'connection-closed';
    this.#sessions.release(reason, error);
  }

  #stopLoops(): void {
    this.#reading.over();
    this.#sendLoop.stop();
    this.#liveness.stop();
    this.#leaving.stop();
    this.#identity.stop();
  }
}

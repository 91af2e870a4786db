import type { Clock, Timer } from '../core/clock.js';
import type { ConnectionEnd } from '../core/connection-end.js';
import { tally, type DropReason } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ClientConnection } from '../pool/client-connection.js';
import type { SessionManager } from '../session/session-manager.js';
import type { StreamClose, StreamReceiver } from '../transport/contract.js';
import { dataMessage, MessageType, type DataMessage } from '../wire/messages.js';
import { AttachedSessions, type AttachedSessionsHost, type RouteChoice } from './attached-sessions.js';
import type { Attachment } from './attachment.js';
import { ControlHandler } from './control-handler.js';
import { Leaving } from './leaving.js';
import { Liveness } from './liveness.js';
import { Reading } from './reading.js';
import { ReceiveLoop, type ReceiveEvents } from './receive-loop.js';
import { SendLoop } from './send-loop.js';
import type { ServerCounters } from './server-counters.js';
import type { StreamSettings } from './settings.js';
import type { TurnFlusher } from './turn-flusher.js';

/** What all connections of a server share. */
export interface SupervisorContext {
  readonly clock: Clock;
  readonly flusher: TurnFlusher;
  readonly sessions: SessionManager;
  readonly counters: ServerCounters;
  readonly settings: StreamSettings;
  readonly logger: Logger;
  /** The connection is over and holds nothing any more. */
  readonly onGone: (supervisor: ConnectionSupervisor, end: ConnectionEnd, error?: SluiceError) => void;
}

const CLOSE_ENDS: Readonly<Record<StreamClose, ConnectionEnd>> = {
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
export class ConnectionSupervisor implements ReceiveEvents, AttachedSessionsHost {
  readonly connection: ClientConnection;
  readonly receiver: StreamReceiver;
  readonly #context: SupervisorContext;
  readonly #sessions: AttachedSessions;
  readonly #receiveLoop: ReceiveLoop;
  readonly #reading: Reading;
  readonly #sendLoop: SendLoop;
  readonly #liveness: Liveness;
  readonly #leaving: Leaving;
  readonly #control: ControlHandler;
  #answersWereBlocked = false;
  #endTimer: Timer | undefined;
  #endError: SluiceError | undefined;

  constructor(context: SupervisorContext, connection: ClientConnection, choice: RouteChoice) {
    const { clock, counters, settings } = context;
    this.connection = connection;
    this.#context = context;
    this.#sessions = new AttachedSessions(context, this, choice);
    this.#receiveLoop = new ReceiveLoop(clock, connection, this, counters);
    this.receiver = this.#receiveLoop;
    this.#reading = new Reading(clock, connection, settings, this);
    this.#sendLoop = new SendLoop(clock, context.flusher, connection, settings, this, counters);
    this.#liveness = new Liveness(clock, connection, settings, this);
    this.#leaving = new Leaving(clock, connection, settings, this);
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

  attachment(sessionId: string): Attachment | undefined {
    return this.#sessions.get(sessionId);
  }

  now(): number {
    return this.#context.clock.now();
  }

  stampMs(): number {
    return this.#context.flusher.stampMs();
  }

  /** Begins: the client is greeted, the clocks run. */
  start(welcome: DataMessage): void {
    this.connection.transition({ kind: 'open' });
    this.notify(welcome);
    this.#liveness.start();
    this.#leaving.start();
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
    // A peer that takes nothing would keep the status, and the stream, waiting for ever.
    this.#endTimer = this.#context.clock.setTimeout(() => {
      stream.reset();
    }, this.#context.settings.sendTimeoutMs);
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

  sessionFor(sessionId: string): Attachment | undefined {
    return this.#sessions.open(sessionId);
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
    this.#sessions.refuse(sessionId, error);
  }

  refuseSession(sessionId: string, error: SluiceError): void {
    this.#sessions.refuseSession(sessionId, error);
  }

  fail(error: SluiceError): void {
    tally(this.#context.counters.receiveErrors, error.code);
    this.end(error);
  }

  onHalfClose(): void {
    this.connection.halfClosed = true;
    // A client that has said its last word can't resume any more: it is given what there is.
    this.connection.sendQueue.resumeAll();
    this.#sessions.resumeAll();
    this.wake();
    this.#endWhenDone();
  }

  onReadingStopped(): void {
    if (this.connection.readingStopped) return;
    this.#context.counters.readsStopped += 1;
    this.#reading.stop();
  }

  onReceived(): void {
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

  // --- what the send loop says ---

  onSent(): void {
    if (this.#answersWereBlocked && this.connection.sendQueue.controlRoom > 0) {
      this.#answersWereBlocked = false;
      this.#sessions.pump();
    }
    this.#reading.sent();
    this.#leaving.checkLimits();
    this.#endWhenDone();
  }

  onSlow(stalledMs: number, bytesInFlight: number): void {
    this.#context.counters.slowConsumers += 1;
    this.abort(
      new SluiceError(
        'SLOW_CONSUMER',
        `the client has taken none of ${bytesInFlight} bytes for ${stalledMs} ms ` +
          `(stream.sendTimeout = ${this.#context.settings.sendTimeoutMs} ms)`,
      ),
    );
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
    if (this.connection.sendQueue.controlRoom === 0) this.#answersWereBlocked = true;
    this.#reading.goOn();
    this.#endWhenDone();
  }

  forget(attachment: Attachment): void {
    this.#receiveLoop.forget(attachment);
  }

  sendWaits(): void {
    this.#reading.sendWaits();
  }

  observeProcessing(ms: number): void {
    this.#context.counters.processing.observe(ms);
  }

  #endWhenDone(): void {
    const { halfClosed, receiveQuota, sendQueue } = this.connection;
    if (halfClosed && receiveQuota.messages === 0 && sendQueue.isEmpty) this.end();
  }

  #releaseSessions(error: SluiceError | undefined): void {
    const reason: DropReason = error?.code === 'DRAINING' ? 'drained' : 'connection-closed';
    const cause = error ?? new SluiceError('INTERNAL', 'the connection of the session has ended');
    this.#sessions.release(reason, cause);
  }

  #stopLoops(): void {
    this.#sendLoop.stop();
    this.#liveness.stop();
    this.#leaving.stop();
  }
}

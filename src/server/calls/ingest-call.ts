import type { DropReason } from '../../core/counters.js';
import { SluiceError } from '../../core/errors.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../flow/byte-account.js';
import type { Quota } from '../../flow/quota.js';
import type { ClientConnection } from '../../pool/client-connection.js';
import { detached } from '../../session/detached-message.js';
import type { SimpleSession, SimpleSessionPort } from '../../session/simple-session.js';
import type { StreamReceiver } from '../../transport/contract.js';
import { joined } from '../../session/windowed/payload.js';
import { dataMessage, weightOf, type DataMessage } from '../../wire/messages.js';
import { encodeIngestSummary } from '../../wire/topic-codec.js';
import type { Receiving } from '../connection-sessions.js';
import { Liveness } from '../liveness.js';
import { Reading } from '../reading.js';
import { ReceiveLoop, type ReceiveEvents } from '../receive-loop.js';
import { RouteFaults } from '../route-faults.js';
import type { RouteChoice } from '../simple-sessions.js';
import { type CallContext, CallSupervisor } from './call-supervisor.js';
import { ifPermitted } from './permitted.js';

/**
 * One upload: a simple connection with one session, whose answers go nowhere.
 * What the route makes of all of it is told at the end.
 */
export class IngestCall extends CallSupervisor implements ReceiveEvents, SimpleSessionPort, Receiving {
  readonly connectionId: string;
  /** Whatever session a message names, it is for the route. */
  readonly sessionId = '';
  readonly receiver: StreamReceiver;
  readonly receiveQuota: Quota;
  readonly hears = false;
  readonly answersBlocked = false;
  readonly unsent = 0;
  readonly hasDataToGo = false;
  readonly #context: CallContext;
  readonly #choice: RouteChoice;
  readonly #receiveLoop: ReceiveLoop;
  readonly #reading: Reading;
  readonly #liveness: Liveness;
  readonly #abort = new AbortController();
  #session: SimpleSession | undefined;
  /** While somebody else is asked whether the client may. */
  #isAsking = true;
  /** Of a payload that the route wants whole. */
  #pieces: DataMessage[] = [];
  #pieceBytes = 0;
  /** As counted in the account. */
  #heldBytes = 0;
  #givenBytes = 0;
  /** Messages that the route failed on, and a payload without an end. */
  #rejected = 0;
  #unfinished = 0;
  #rejectedBytes = 0;
  /** Made for the first. */
  #faults: RouteFaults | undefined;

  constructor(context: CallContext, connection: ClientConnection, choice: RouteChoice) {
    super(context, connection);
    const { clock, settings, counters } = context;
    this.#context = context;
    this.#choice = choice;
    this.connectionId = connection.id;
    this.receiveQuota = connection.receiveQuota;
    this.#receiveLoop = new ReceiveLoop(clock, connection, this, counters);
    this.receiver = this.#receiveLoop;
    this.#reading = new Reading(clock, connection, settings, this, counters);
    // There is nothing to send a heartbeat on.
    this.#liveness = new Liveness(clock, connection, { ...settings, heartbeatIntervalMs: 0 }, this);
  }

  override start(): void {
    super.start();
    const { connection } = this;
    const { name: route, subject, named } = this.#choice;
    ifPermitted({
      gatekeeper: this.#context.gatekeeper,
      question: {
        identity: connection.identity,
        action: 'ingest',
        sessionId: '',
        route,
        subject,
        named,
        peer: connection.stream.peer,
      },
      signal: this.#abort.signal,
      onAllowed: () => {
        this.#open();
      },
      onRefused: (error) => {
        this.fail(this.#asRefusal(error));
      },
    });
  }

  get sessionCount(): number {
    return this.#session === undefined ? 0 : 1;
  }

  /** Of a payload whose end has not come: who ends it frees them. */
  get undecidedBytes(): number {
    return this.#heldBytes;
  }

  /** Until it has said its last word: there is no way to ask it to. */
  get oweSomething(): boolean {
    return !this.connection.halfClosed || (this.#session?.inboxLength ?? 0) > 0;
  }

  notify(): void {
    // The one thing an upload is told is its summary.
  }

  relieve(): void {
    this.#reading.goOn();
  }

  // --- what the receive loop says ---

  get readingIsHeld(): boolean {
    return this.#isAsking || this.#context.account.exceeded;
  }

  sessionFor(message: DataMessage): Receiving | undefined {
    if (message.sequence === 0) return this;
    this.#wrong(`data with sequence ${message.sequence}: what is uploaded has no sequences`);
    return undefined;
  }

  receive(message: DataMessage, now: number): void {
    if (message.sequence !== 0) {
      this.sessionFor(message);
      return;
    }
    if (this.#choice.route.wantsWhole === true && (message.more || this.#pieces.length > 0)) {
      this.#addPiece(message, now);
    } else this.#deliver(message, now);
  }

  defers(): boolean {
    return false;
  }

  onAck(): void {
    this.#wrong('an ack: nothing is acknowledged in an upload');
  }

  onControl(): void {
    this.#wrong('a CONTROL message: an upload is data alone');
  }

  onHeartbeat(): void {
    this.#context.counters.heartbeatsReceived += 1;
  }

  onHealthCheck(): void {
    this.#wrong('a HEALTH_CHECK, which can not be answered in an upload');
  }

  /** There is no way to tell of one message. */
  override refuse(_sessionId: string, error: SluiceError): void {
    this.fail(error);
  }

  onHalfClose(): void {
    this.connection.halfClosed = true;
    this.#liveness.stop();
    if (this.#pieces.length > 0) {
      // The rest of it will never come.
      this.#unfinished = 1;
      this.#dropPieces();
    }
    this.#session?.end();
  }

  onReadingStopped(): void {
    if (this.connection.readingStopped) return;
    // Who is asked first is no slow route.
    this.#reading.stop(!this.#isAsking);
  }

  onReceived(): void {
    this.checkLimits();
  }

  // --- what the session says ---

  now(): number {
    return this.#context.clock.now();
  }

  stampMs(): number {
    return this.#context.turn.stampMs();
  }

  /** What the route answers is taken, and goes nowhere. */
  get peer(): string {
    return this.connection.stream.peer;
  }

  answer(): void {
    // There is nothing to say it on.
  }

  send(): undefined {
    return undefined;
  }

  routeFailed(session: SimpleSession, message: DataMessage, error: unknown): void {
    this.#rejected += 1;
    this.#rejectedBytes += message.data.length;
    this.fault(session, error);
  }

  handled(): void {
    this.#reading.goOn();
  }

  drained(session: SimpleSession): void {
    const summary = encodeIngestSummary({
      messages: session.up.delivered - this.#rejected,
      bytes: this.#givenBytes - this.#rejectedBytes,
      rejected: this.#rejected + this.#unfinished,
      aggregates: session.aggregates,
    });
    this.connection.sendQueue.pushControl(dataMessage({ data: summary }));
    this.end();
  }

  expel(_session: SimpleSession, _reason: DropReason, error: SluiceError): void {
    this.end(error);
  }

  fault(session: SimpleSession, error: unknown): void {
    this.#faults ??= new RouteFaults(this.#context, {
      what: 'a route failed on an upload',
      more: 'this one',
    });
    const { name, routeName } = session;
    this.#faults.note(error, { session: name, route: routeName, connection: this.connectionId });
  }

  observeProcessing(ms: number): void {
    this.#context.counters.processing.observe(ms);
  }

  // --- what the clocks say ---

  heartbeatDue(): void {
    // None is sent.
  }

  silent(error: SluiceError): void {
    this.fail(error);
  }

  protected override release(reason: DropReason, error: SluiceError | undefined): void {
    this.#abort.abort();
    this.#liveness.stop();
    this.#reading.over();
    this.#dropPieces();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    session.close(reason, error ?? new SluiceError('INTERNAL', 'the upload has ended'));
    this.#context.sessions.remove(session);
    this.#context.counters.sessionsClosed += 1;
  }

  #open(): void {
    const { sessions, counters, clock } = this.#context;
    const { connection } = this;
    const { name: routeName, route, subject } = this.#choice;
    this.#isAsking = false;
    const session = sessions.open({
      identity: connection.identity,
      sessionId: `ingest-${connection.id}`,
      subject,
      routeName,
      route,
      connectionSessions: 0,
      port: this,
    });
    counters.sessionsOpened += 1;
    this.#session = session;
    this.begin(routeName);
    if (this.isOver) {
      // The route has ended it at once.
      this.release('session-closed', undefined);
      return;
    }
    this.#liveness.start();
    connection.lastActivity = clock.now();
    this.#reading.goOn();
  }

  #asRefusal(error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    const { name } = this.#choice;
    this.#context.logger.warn({ err: error, route: name }, 'a route failed to open an upload');
    return new SluiceError('ROUTE_FAILED', `route "${name}" failed to open the upload`, { cause: error });
  }

  #wrong(what: string): void {
    this.fail(new SluiceError('INVALID_MESSAGE', `Ingest takes no ${what}`));
  }

  #deliver(message: DataMessage, now: number): void {
    const session = this.#session;
    // The route has had enough: it is summed up when what came before is handled.
    if (session?.state !== 'open') return;
    this.#givenBytes += message.data.length;
    session.deliver(message, now);
  }

  /** Of a payload that the route wants whole; each piece beside its bytes costs what a message does. */
  #addPiece(message: DataMessage, now: number): void {
    const { maxPayloadBytes, account } = this.#context;
    this.#pieces.push(detached(message));
    this.#pieceBytes += message.data.length;
    const heldBytes = weightOf(message) + MESSAGE_OVERHEAD_BYTES;
    this.#heldBytes += heldBytes;
    account.add(heldBytes);
    const overheadBytes = this.#pieces.length * MESSAGE_OVERHEAD_BYTES;
    if (this.#pieceBytes > maxPayloadBytes || overheadBytes > maxPayloadBytes) {
      this.fail(
        new SluiceError(
          'MESSAGE_TOO_LARGE',
          `a payload of ${this.#pieces.length} messages and ${this.#pieceBytes} bytes so far is larger than one may be ` +
            `(session.maxPayloadSize = ${maxPayloadBytes} bytes)`,
        ),
      );
    } else if (!message.more) {
      const whole = joined(this.#pieces);
      this.#dropPieces();
      this.#deliver(whole, now);
    }
  }

  #dropPieces(): void {
    this.#context.account.add(-this.#heldBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#heldBytes = 0;
  }
}

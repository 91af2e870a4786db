import { onAbort } from '../../core/on-abort.js';
import type { Timer } from '../../core/clock.js';
import type { Size } from '../../flow/window.js';
import {
  controlMessage,
  dataMessage,
  isData,
  MessageType,
  openControl,
  type Closed,
  type Control,
  type DataMessage,
  type Opened,
  type Welcome,
} from '../../wire/messages.js';
import type { AttachedSession, SessionHost } from '../attached-session.js';
import { ClientError } from '../client-error.js';
import { Incoming } from './incoming.js';
import type { SessionEnd } from '../message.js';
import type { OpenOptions } from '../options.js';
import type { Outgoing } from './outgoing.js';
import { closedError, endedError, givenUpError, resetError, violation } from './session-errors.js';
import type { SessionSettings } from './session-options.js';
import { SessionReader } from './session-reader.js';
import { tellReset } from './session-reset.js';
import { SessionSender } from './session-sender.js';

export interface SessionProtocolOptions {
  readonly route: string;
  readonly settings: SessionSettings;
  readonly callbacks: Pick<OpenOptions, 'onGap' | 'onReset' | 'onFailure' | 'onDrop'>;
  readonly host: SessionHost;
}

/**
 * - lost: there is no connection
 * - due: there is one, and its Open is to be written
 * - opening: it was written and not answered
 * - open: it was answered with Opened
 * - gone: nothing happens any more
 */
type Phase = 'lost' | 'due' | 'opening' | 'open' | 'gone';

const TOKEN_BYTES = 16;
/** What a gateway grants at the least (stream.proto, Opened): for one that names no window. */
const LEAST_WINDOW: Size = { messages: 64, bytes: 64 * 1024 };
/** Refusals of an Open that say nothing of the session it would have resumed. */
const REFUSED_FOR_NOW: readonly string[] = ['SESSION_LIMIT', 'AUTH_UNAVAILABLE', 'RATE_LIMITED'];
/** Without a connection for so long, a session that is disposed of is no longer waited for. */
const PATIENCE_MS = 5_000;

/**
 * The client's side of one session (docs/protocol.md): what its connections ask
 * of it as an AttachedSession, and what its application does with it.
 * It knows no network, and reads no time but its host's.
 */
export class SessionProtocol implements AttachedSession {
  readonly id: string;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly sender: SessionSender;
  readonly reader: SessionReader;
  /** Resolves when it is open for the first time; rejects where it ends before. */
  readonly opened: Promise<void>;
  readonly closed: Promise<SessionEnd>;
  readonly #options: SessionProtocolOptions;
  readonly #host: SessionHost;
  #phase: Phase = 'lost';
  #wasOpened = false;
  /** The same of the present incarnation: a reset begins another. */
  #isKnown = false;
  #token: Uint8Array;
  /** Opens written with this token. */
  #attempt = 0;
  /** How often in a row the gateway has forgotten it before it was open. */
  #forgotten = 0;
  #maxMessageBytes = 0;
  /** Where it is attached, and where it was last open. */
  #nodeId = '';
  #openedOn = '';
  /** After Opened the ack comes first: what was told on an older connection may be lost. */
  #restateDue = false;
  /** Nothing more is sent: Close goes behind all that waits. */
  #isEnding = false;
  #closeDue = false;
  /** Whether the gateway is to hold what it has for us, and whether it knows on this connection. */
  #isPaused = false;
  #isPauseTold = false;
  /** How it ended for its application; where we ended it, the gateway may still have to be told. */
  #end: SessionEnd | undefined;
  #isDisposing = false;
  /** Within onReset: whether there is something to send again is not known yet. */
  #isResetting = false;
  #patience: Timer | undefined;
  #resolveOpened: () => void = () => undefined;
  #rejectOpened: (error: ClientError) => void = () => undefined;
  #resolveClosed: (end: SessionEnd) => void = () => undefined;

  constructor(options: SessionProtocolOptions) {
    const { settings, callbacks, host } = options;
    this.id = settings.id;
    this.#options = options;
    this.#host = host;
    this.#token = newToken();
    this.incoming = new Incoming({
      window: settings.window,
      pieces: settings.pieces,
      ackDue: () => {
        host.wake(this);
      },
      violated: (how) => {
        this.#violated(how);
      },
    });
    this.reader = new SessionReader(this.incoming, callbacks.onGap);
    this.sender = new SessionSender({
      settings,
      callbacks,
      clock: host.clock,
      wake: () => {
        host.wake(this);
      },
      disconnect: (error) => {
        this.#fault(error);
      },
      failed: (error) => {
        this.reader.failed(error);
      },
      threw: (error) => {
        this.reader.threw(error);
      },
    });
    this.outgoing = this.sender.outgoing;
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    // Whoever opens it waits for it; nobody has to.
    this.opened.catch(() => undefined);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  // --- what its connections ask ---

  get wasOpened(): boolean {
    return this.#wasOpened;
  }

  attach(welcome: Welcome): void {
    if (this.#phase === 'gone') return;
    if (this.#end !== undefined) {
      this.#gone();
      return;
    }
    this.#maxMessageBytes = welcome.maxMessageBytes;
    this.#nodeId = welcome.nodeId;
    this.outgoing.closed();
    this.#phase = 'due';
    this.#host.wake(this);
  }

  detach(): void {
    if (this.#phase === 'gone') return;
    if (this.#end !== undefined) {
      this.#gone();
      return;
    }
    this.#lose();
  }

  next(): DataMessage | undefined {
    switch (this.#phase) {
      case 'due':
        // Beside what is left from before a reset there has to be room for what may come.
        return this.incoming.hasRoomForAnother ? this.#open() : undefined;
      case 'open':
        return this.#nextOfOpen();
      default:
        return undefined;
    }
  }

  receive(message: DataMessage): void {
    if (this.#phase !== 'opening' && this.#phase !== 'open') return;
    const { control } = message;
    if (control?.action === 'opened') {
      if (this.#phase === 'opening') this.#answered(control, message.ack);
      return;
    }
    // What was given up is settled, for its application.
    if (this.#end === undefined && message.ack > 0 && !this.#settle(message.ack)) {
      this.#violated(`it acknowledged ${message.ack}, which was never sent`);
      return;
    }
    if (control !== undefined) this.#controlled(message, control);
    else if (isData(message)) this.#received(message);
  }

  fail(error: ClientError): void {
    if (this.#phase === 'gone') return;
    this.#finish(error);
  }

  // --- what its application does ---

  get settings(): SessionSettings {
    return this.#options.settings;
  }

  get isOpen(): boolean {
    return this.#phase === 'open' && this.#end === undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Asks the gateway to hold what it has for us, or to deliver again; once it is to end, all is delivered. */
  pause(isPaused: boolean): void {
    if (this.#isEnding || this.#end !== undefined || this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    this.#host.wake(this);
  }

  /** Nothing more will be sent. Idempotent. */
  end(): void {
    if (this.#isEnding || this.#end !== undefined) return;
    this.#isEnding = true;
    this.#isPaused = false;
    this.sender.close();
    this.#closeDue = true;
    this.#host.wake(this);
  }

  /** Ends it and reads nothing more. An aborted signal gives it up. */
  close(signal?: AbortSignal): Promise<SessionEnd> {
    this.end();
    this.reader.close();
    // Nothing was asked of a gateway yet, and nothing is to be: there is nothing to wait for.
    if (this.#hasNothingToClose && !this.#isResetting && this.#end === undefined) this.#finish(undefined);
    if (signal?.aborted === true) this.giveUp();
    if (this.#end === undefined && signal !== undefined) this.#giveUpWith(signal);
    return this.closed.then((end) => ({
      ...end,
      discarded: this.incoming.discarded,
      failed: this.reader.untold,
    }));
  }

  /** As `close`, but for a session that has no connection, it waits only so long. */
  async dispose(): Promise<void> {
    this.#isDisposing = true;
    if (this.#end === undefined && this.#phase !== 'open') this.#beginPatience();
    await this.close();
  }

  /** It is over on this side; the gateway is told, where it has it on this connection. */
  giveUp(): void {
    this.#fault(givenUpError(this.id));
  }

  // --- opening ---

  #open(): DataMessage {
    this.#phase = 'opening';
    this.#attempt += 1;
    const { route, settings } = this.#options;
    return controlMessage(
      openControl({
        route,
        subject: settings.subject,
        afterSequence: settings.afterSequence,
        history: settings.history,
        resumeToken: this.#token,
        lastReceivedSequence: this.incoming.position,
        windowMessages: settings.window.messages,
        windowBytes: settings.window.bytes,
        overflow: settings.wireOverflow,
        // In doubt whether the first one arrived too: either it did, or it never will (protocol.md, D7).
        resume: this.#attempt > 1,
        attempt: this.#attempt,
      }),
      this.id,
    );
  }

  #answered(opened: Opened, ack: number): void {
    if (this.#end !== undefined) {
      // It was given up meanwhile: what was opened is closed.
      this.#phase = 'open';
      this.#host.wake(this);
      return;
    }
    if (opened.resumeToken.byteLength === 0) {
      this.#forgottenByGateway();
      return;
    }
    const isResume = this.#attempt > 1;
    if (opened.resumed !== isResume) {
      this.#violated(`Opened has resumed: ${opened.resumed}, Open had resume: ${isResume}`);
      return;
    }
    const window: Size = {
      messages: opened.windowMessages === 0 ? LEAST_WINDOW.messages : opened.windowMessages,
      bytes: opened.windowBytes === 0 ? LEAST_WINDOW.bytes : opened.windowBytes,
    };
    this.#phase = 'open';
    if (!this.outgoing.opened(opened.lastReceivedSequence, window, this.#maxMessageBytes)) {
      this.#violated(`Opened has received ${opened.lastReceivedSequence}, which does not fit what was sent`);
      return;
    }
    if (!this.outgoing.settle(ack)) {
      this.#violated(`Opened acknowledges ${ack}, above what it has received`);
      return;
    }
    this.#wasOpened = this.#isKnown = true;
    this.#openedOn = this.#nodeId;
    this.#forgotten = 0;
    this.#patience?.cancel();
    this.#patience = undefined;
    this.outgoing.fill();
    this.#restateDue = this.incoming.hasConsumed;
    // A new attachment knows of no Close, and begins unpaused.
    this.#closeDue = this.#isEnding;
    this.#isPauseTold = false;
    this.#resolveOpened();
    this.#host.opened(this, isResume);
    this.#host.wake(this);
  }

  /** It has no session of this token. */
  #forgottenByGateway(): void {
    if (this.#isKnown) {
      this.#reset(resetError(this.id), false);
      return;
    }
    // Nothing is sent before the first Opened: nothing is lost.
    const retry = this.#forgotten === 0 ? 'now' : 'backoff';
    this.#forgotten += 1;
    this.#renew();
    this.#openAgain(new ClientError('RESET', resetError(this.id).message, { retry }), false);
  }

  /** The next Open is a first one again. */
  #renew(): void {
    this.#lose();
    this.#token = newToken();
    this.#attempt = 0;
    this.#isKnown = false;
  }

  #lose(): void {
    this.#phase = 'lost';
    this.outgoing.closed();
    if (this.#isDisposing) this.#beginPatience();
  }

  // --- open ---

  #nextOfOpen(): DataMessage | undefined {
    if (this.#restateDue) return this.#ack();
    if (this.#isPauseTold !== this.#isPaused && this.#end === undefined) {
      this.#isPauseTold = this.#isPaused;
      return controlMessage(this.#isPaused ? { action: 'pause', reason: '' } : { action: 'resume' }, this.id);
    }
    const message = this.outgoing.next();
    if (message !== undefined) {
      message.ack = this.incoming.tell();
      return message;
    }
    if (this.incoming.isAckDue) return this.#ack();
    // Close goes behind all that waits, also for room in the window.
    if (!this.#closeDue || !this.outgoing.isWritten) return undefined;
    this.#closeDue = false;
    return controlMessage({ action: 'close' }, this.id);
  }

  #ack(): DataMessage {
    this.#restateDue = false;
    return dataMessage({ type: MessageType.ACK, sessionId: this.id, ack: this.incoming.tell() });
  }

  #settle(ack: number): boolean {
    if (!this.outgoing.settle(ack)) return false;
    // There is room now for what waited, and Close goes behind it.
    if (this.outgoing.isDue || this.#closeDue) this.#host.wake(this);
    return true;
  }

  #received(message: DataMessage): void {
    if (this.#phase === 'opening') {
      this.#violated('it sent DATA before Opened');
      return;
    }
    const fault = this.incoming.message(message);
    if (fault === undefined) this.reader.arrived();
    else this.#violated(fault);
  }

  #controlled(message: DataMessage, control: Control): void {
    switch (control.action) {
      case 'error':
        this.outgoing.failed(control);
        break;
      case 'gap': {
        if (this.#phase === 'opening') {
          this.#violated('it sent a Gap before Opened');
          break;
        }
        const fault = this.incoming.gap(message, control);
        if (fault === undefined) this.reader.arrived();
        else this.#violated(fault);
        break;
      }
      case 'window':
        this.outgoing.changeWindow(control);
        this.#host.wake(this);
        break;
      case 'closed':
        this.#closedByGateway(control);
        break;
      default:
        break; // Pause and Resume are advice: what is sent now only waits. The rest is from a later version.
    }
  }

  // --- ending ---

  #closedByGateway(closed: Closed): void {
    if (this.#end !== undefined) {
      this.#gone();
      return;
    }
    if (closed.code === '') {
      this.#finish(undefined);
      return;
    }
    const error = closedError(this.id, closed);
    const elsewhere = closed.code === 'DRAINING';
    if (this.#isOthers(closed.code)) this.#forgottenByGateway();
    else if (error.retry === 'never' || this.#isRoutesNo(error)) this.#finish(error);
    else if (this.#phase === 'opening' && (!this.#isKnown || REFUSED_FOR_NOW.includes(closed.code))) {
      this.#refused(closed, error, elsewhere);
    } else this.#reset(error, elsewhere);
  }

  /**
   * Whether the gateway speaks of another session of this ID: one that was there before the first Open, or
   * that another node has kept. There it is as good as forgotten; a fresh Open tells what is permitted.
   */
  #isOthers(code: string): boolean {
    if (code !== 'PERMISSION_DENIED' || this.#phase !== 'opening' || this.#attempt === 1) return false;
    return !this.#isKnown || this.#nodeId !== this.#openedOn;
  }

  /** The route has thrown in its `open`, and did not say when to ask again: it would throw again. */
  #isRoutesNo({ code, retryAfterMs }: ClientError): boolean {
    return code === 'ROUTE_FAILED' && retryAfterMs === undefined && !this.#wasOpened;
  }

  /** The attempt to open it is over; the session, where there is one, is as it was. */
  #refused({ code }: Closed, error: ClientError, elsewhere: boolean): void {
    // Resuming in doubt it may have been opened before: only the end of that frees us to use another token.
    if (this.#attempt === 1 || !REFUSED_FOR_NOW.includes(code)) this.#renew();
    else this.#lose();
    this.#openAgain(error, elsewhere);
  }

  /** No gateway has it, or is to have it. */
  get #hasNothingToClose(): boolean {
    return this.#attempt === 0 && this.outgoing.isSettled;
  }

  #openAgain(error: ClientError, elsewhere: boolean): void {
    // Not to close it at once.
    if (this.#isEnding && this.#hasNothingToClose) this.#finish(undefined);
    else this.#host.reopen(this, error, elsewhere);
  }

  /** The gateway has it no more, or ended it: it goes on as a fresh one where the application was told. */
  #reset(error: ClientError, elsewhere: boolean): void {
    const { onReset } = this.#options.callbacks;
    if (this.#isEnding && error.code === 'DRAINING' && this.outgoing.isSettled) {
      // It had nothing left to do here, as was asked.
      this.#finish(undefined);
      return;
    }
    if (onReset === undefined || this.#isEnding) {
      this.#finish(error);
      return;
    }
    this.#renew();
    this.incoming.reset();
    const unsettled = this.sender.beforeReset();
    let resend = false;
    this.#isResetting = true;
    try {
      resend = tellReset(onReset, error, unsettled);
    } catch (cause) {
      this.#finish(new ClientError(error.code, 'onReset failed; its error is the cause.', { cause }));
    }
    this.#isResetting = false;
    this.sender.afterReset(error, resend);
    // It may have been closed within onReset.
    if (this.#end === undefined) this.#openAgain(error, elsewhere);
  }

  #violated(how: string): void {
    const error = violation(this.id, how);
    // What it has not opened is not there to be closed.
    if (this.#phase === 'opening') this.#finish(error);
    else this.#fault(error);
  }

  /** We end it: the application is told at once, the gateway by a Close. */
  #fault(error: ClientError): void {
    if (this.#end !== undefined) return;
    const phase = this.#phase;
    this.#endWith(error);
    if (phase !== 'open' && phase !== 'opening') {
      this.#gone();
      return;
    }
    this.incoming.letGo();
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#closeDue = true;
    this.#host.wake(this);
  }

  #finish(error: ClientError | undefined): void {
    if (this.#end === undefined) this.#endWith(error);
    this.#gone();
  }

  /** It is over for its application. */
  #endWith(error: ClientError | undefined): void {
    const told = error ?? endedError(this.id);
    const end: SessionEnd = {
      error,
      discarded: this.incoming.discarded,
      failed: this.reader.untold,
      ...this.sender.end(told),
    };
    this.#end = end;
    this.reader.end(error);
    if (!this.#wasOpened) this.#rejectOpened(told);
    this.#resolveClosed(end);
  }

  #gone(): void {
    if (this.#phase === 'gone') return;
    this.#phase = 'gone';
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#host.over(this);
  }

  #giveUpWith(signal: AbortSignal): void {
    const detach = onAbort(signal, () => {
      this.giveUp();
    });
    void this.closed.then(detach);
  }

  #beginPatience(): void {
    this.#patience ??= this.#host.clock.setTimeout(() => {
      this.giveUp();
    }, PATIENCE_MS);
  }
}

function newToken(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
}

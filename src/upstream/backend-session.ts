import type { Timer } from '../core/clock.js';
import { errorText } from '../core/error-text.js';
import { SluiceError } from '../core/errors.js';
import { fullJitterMs } from '../flow/backoff.js';
import type { CallMetadata } from '../transport/client-contract.js';
import { controlMessage, dataMessage, type DataMessage, MessageType, type Open } from '../wire/messages.js';
import type { BackendLink, LinkEvents } from './backend-link.js';
import { ClientDelivery } from './client-delivery.js';
import type { SessionPort } from './session-port.js';
import { errorOf, type Verdict } from './stream-verdict.js';
import { UnsettledMessages } from './unsettled-messages.js';
import type { UpstreamPool, Waiter } from './upstream-pool.js';

export interface BackendSessionSpec {
  readonly pool: UpstreamPool;
  readonly session: SessionPort;
  readonly sessionId: string;
  /** As it goes to the first backend. */
  readonly open: Open;
  /** What the Open says of the session, in its message … */
  readonly metadata: ReadonlyMap<string, string>;
  /** … and in the metadata of the call. */
  readonly callMetadata: CallMetadata;
}

/** Data written at a time. */
const BATCH_BYTES = 64 * 1024;
/** In so long a time a backend may send so many messages that say nothing new: heartbeats, probes, acks of what is settled. */
const IDLE_TALK_MS = 10_000;
const MAX_IDLE_TALK = 1_000;

/**
 * One session at its upstream: a stream at one backend after the other. What no
 * backend has accepted is sent again to the next, in order, so nothing is lost
 * with one; what the dead one had handled and not acknowledged comes twice.
 */
export class BackendSession implements LinkEvents, Waiter {
  readonly #spec: BackendSessionSpec;
  readonly #pool: UpstreamPool;
  /** What a backend acknowledges comes behind what it has answered. */
  readonly #unsettled = new UnsettledMessages((act) => {
    this.#delivery.behind(act);
  });
  readonly #delivery: ClientDelivery;
  #link: BackendLink | undefined;
  /** Whether the stream there is has shown that somebody is at its other end. */
  #stands = false;
  /** Up to here was sent on the stream there is, and on any. */
  #sentThrough = 0;
  #everSentThrough = 0;
  #writable = true;
  #flushing = false;
  /** Streams begun. */
  #attempts = 0;
  /** Whether a backend may know of the session from an earlier stream. */
  #wasElsewhere = false;
  /** The address that it lost its last stream at. */
  #lastLost = '';
  /** When the stream there is was begun, in Clock.now(). */
  #begunAtMs = 0;
  /** Streams in a row on which nothing was got done, and that did not last. */
  #failures = 0;
  #retry: Timer | undefined;
  #stopWaiting: (() => void) | undefined;
  /** While no stream stands. */
  #outage: Timer | undefined;
  /** No stream has stood for `unavailableAfter`. */
  #unavailable = false;
  /** While acks are waited for. */
  #ackTimer: Timer | undefined;
  #progressAtMs = 0;
  /** The message that streams ended over, and how many did. */
  #suspect = 0;
  #suspicions = 0;
  #idleTalk = 0;
  #idleSinceMs = 0;
  /** The backend has ended the session; what it sent before is still delivered. */
  #ending: (() => void) | undefined;
  #over = false;

  /** @throws SluiceError UPSTREAM_UNAVAILABLE when no backend has been there for `unavailableAfter`. */
  constructor(spec: BackendSessionSpec) {
    this.#spec = spec;
    this.#pool = spec.pool;
    const { unavailableAfter, maxMessageSize } = this.#pool.settings;
    if (unavailableAfter > 0 && this.#pool.outageMs >= unavailableAfter) throw this.#unavailableError();
    this.#delivery = new ClientDelivery({
      session: spec.session,
      maxPayloadBytes: maxMessageSize,
      onFull: () => this.#link?.pause(),
      onRoom: () => {
        // Its acks could not be read meanwhile.
        this.#progressAtMs = this.#pool.clock.now();
        this.#link?.resume();
      },
      onIdle: () => this.#ending?.(),
      onRefused: (message, error) => {
        this.#tellRefused(message, error);
      },
    });
    this.#watchOutage();
    this.#connect();
  }

  /**
   * One message of the client; resolves when a backend has accepted it, rejects when it has failed it. `givenUp`:
   * nobody waits for it any more, and it is kept for no backend: what holds a message back elsewhere is no bound then.
   */
  handle(message: DataMessage, givenUp?: AbortSignal): Promise<void> {
    if (this.#unavailable && this.#link === undefined) {
      this.#pool.counters.messagesUnavailable += 1;
      return Promise.reject(this.#unavailableError());
    }
    const settled = this.#unsettled.add({
      ...message,
      type: MessageType.DATA,
      sessionId: this.#spec.sessionId,
      control: undefined,
    });
    if (givenUp !== undefined) {
      const number = this.#unsettled.last;
      const forget = (): void => {
        const reason: unknown = givenUp.reason;
        const error = new SluiceError('ROUTE_FAILED', 'this message was given up', { cause: reason });
        this.#unsettled.fail(number, reason instanceof SluiceError ? reason : error);
      };
      givenUp.addEventListener('abort', forget, { once: true });
    }
    this.#flushSoon();
    return settled;
  }

  /** The session is over. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#retry?.cancel();
    this.#outage?.cancel();
    this.#ackTimer?.cancel();
    this.#stopWaiting?.();
    this.#delivery.stop();
    // Nobody is told any more; but what was kept for them is let go with them.
    this.#unsettled.failAll(new SluiceError('INTERNAL', 'the session has ended'));
    this.#link?.leave(this.#pool.settings.closeGrace);
    this.#link = undefined;
  }

  // --- its stream ---

  backendMayBeThere(): void {
    this.#stopWaiting = undefined;
    // Not all that waited at once.
    this.#connectIn(fullJitterMs(0, this.#pool.backoff, this.#pool.random));
  }

  onStands(): void {
    this.#stands = true;
    this.#unavailable = false;
    this.#outage?.cancel();
    this.#outage = undefined;
  }

  onWritable(): void {
    this.#writable = true;
    this.#flush();
  }

  onMessages(messages: readonly DataMessage[]): void {
    for (const message of messages) {
      if (this.#link === undefined) return;
      const offence = this.#receive(message);
      if (offence !== undefined) this.#giveUp(offence, 'offences');
    }
  }

  onLost(verdict: Verdict): void {
    const link = this.#link;
    this.#link = undefined;
    switch (verdict.kind) {
      case 'ended':
        this.#finish(() => {
          this.#spec.session.end();
        });
        return;
      case 'refused':
        this.#finish(() => {
          this.#spec.session.fail(verdict.error);
        });
        return;
      case 'lost': {
        const { reason, reached, declined } = verdict;
        if (link !== undefined) {
          this.#lastLost = link.address;
          this.#pool.lost(link, reason);
        }
        this.#pool.warn({ address: link?.address, reason }, 'the stream of a session at a backend was lost');
        // One that would not have the session at all has not looked at what came on it.
        this.#afterLoss(reached, reached && (this.#stands || !declined));
      }
    }
  }

  #connect(): void {
    if (this.#over) return;
    const link = this.#pool.open(this.#spec.callMetadata, this, this.#lastLost);
    if (link === undefined) {
      this.#stopWaiting = this.#pool.wait(this);
      return;
    }
    this.#link = link;
    this.#stands = false;
    this.#begunAtMs = this.#pool.clock.now();
    this.#attempts += 1;
    this.#sentThrough = this.#unsettled.settledThrough;
    this.#writable = link.send([this.#openMessage()]);
    if (!this.#delivery.isIdle) link.pause();
    this.#flush();
  }

  #connectIn(delayMs: number): void {
    this.#retry = this.#pool.clock.setTimeout(() => {
      this.#retry = undefined;
      this.#connect();
    }, delayMs);
  }

  #openMessage(): DataMessage {
    const { open, sessionId, metadata } = this.#spec;
    const attempt = this.#attempts;
    const control: Open = this.#wasElsewhere
      ? { ...open, resume: true, attempt, history: 0, afterSequence: this.#unsettled.settledThrough }
      : { ...open, attempt };
    return { ...controlMessage(control, sessionId), metadata };
  }

  /** Gives its stream up, for what the backend did or did not do. */
  #giveUp(reason: string, counter: 'offences' | 'ackTimeouts'): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    this.#lastLost = link.address;
    this.#pool.counters[counter] += 1;
    link.drop(true);
    // One that hangs is no better for the next; what one session's stream says is its own.
    this.#pool.lost(link, reason, counter === 'ackTimeouts' && this.#stands);
    this.#pool.warn({ address: link.address, reason }, 'the stream of a session at a backend was given up');
    this.#afterLoss(true, true);
  }

  /** `reached`: a backend may have had what was sent. `suspicious`: it may have ended over it. */
  #afterLoss(reached: boolean, suspicious: boolean): void {
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
    this.#delivery.forgetUnfinished();
    if (reached) this.#wasElsewhere = true;
    if (suspicious) this.#suspectFirst();
    if (this.#over) return;
    if (this.#unavailable) this.#failWaiting();
    else this.#watchOutage();
    const { backoff, clock, random } = this.#pool;
    if (clock.now() - this.#begunAtMs > backoff.maxMs) this.#failures = 0;
    const delayMs = fullJitterMs(this.#failures, backoff, random);
    this.#failures += 1;
    this.#connectIn(delayMs);
  }

  /** A stream ended over its oldest message: perhaps because of it. */
  #suspectFirst(): void {
    const { maxAttempts } = this.#pool.settings;
    const first = this.#unsettled.settledThrough + 1;
    if (first > this.#sentThrough || maxAttempts === 0) return;
    this.#suspicions = this.#suspect === first ? this.#suspicions + 1 : 1;
    this.#suspect = first;
    if (this.#suspicions < maxAttempts) return;
    this.#pool.counters.messagesGivenUp += 1;
    const text = `the service behind the route failed ${String(maxAttempts)} times with this message`;
    this.#unsettled.fail(first, new SluiceError('ROUTE_FAILED', text));
  }

  // --- while no backend is there ---

  #watchOutage(): void {
    const { unavailableAfter } = this.#pool.settings;
    if (unavailableAfter === 0 || this.#outage !== undefined) return;
    this.#outage = this.#pool.clock.setTimeout(() => {
      this.#outage = undefined;
      this.#unavailable = true;
      // Else what becomes of the stream decides.
      if (this.#link === undefined) this.#failWaiting();
    }, unavailableAfter);
  }

  #failWaiting(): void {
    this.#pool.counters.messagesUnavailable += this.#unsettled.failAll(this.#unavailableError());
  }

  #unavailableError(): SluiceError {
    return new SluiceError('UPSTREAM_UNAVAILABLE', 'the service behind the route can not be reached now', {
      retryAfterMs: this.#pool.settings.backoffMax,
    });
  }

  // --- up ---

  /** Together with whatever else comes in this turn. */
  #flushSoon(): void {
    if (this.#flushing || !this.#writable || this.#link === undefined) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#writable && this.#link !== undefined && this.#sentThrough < this.#unsettled.last) {
      const batch: DataMessage[] = [];
      // The time of a backend that owed nothing begins now.
      if (this.#unsettled.settledThrough >= this.#sentThrough) this.#progressAtMs = this.#pool.clock.now();
      this.#sentThrough = this.#unsettled.take(this.#sentThrough, batch, BATCH_BYTES);
      if (batch.length === 0) return;
      const { counters } = this.#pool;
      for (const { sequence } of batch) if (sequence <= this.#everSentThrough) counters.messagesRepeated += 1;
      this.#everSentThrough = Math.max(this.#everSentThrough, this.#sentThrough);
      this.#writable = this.#link.send(batch);
      this.#expectAcks();
    }
  }

  #expectAcks(): void {
    const { ackTimeout } = this.#pool.settings;
    if (ackTimeout === 0 || this.#ackTimer !== undefined) return;
    this.#ackTimer = this.#pool.clock.setTimeout(this.#checkAcks, ackTimeout);
  }

  readonly #checkAcks = (): void => {
    this.#ackTimer = undefined;
    if (this.#unsettled.settledThrough >= this.#sentThrough) return;
    const { clock, settings } = this.#pool;
    // What is not read can't say anything.
    const silentMs = this.#delivery.isIdle ? clock.now() - this.#progressAtMs : 0;
    if (silentMs >= settings.ackTimeout) {
      this.#giveUp(
        `no message was acknowledged for ${String(settings.ackTimeout)} ms (ackTimeout)`,
        'ackTimeouts',
      );
    } else this.#ackTimer = clock.setTimeout(this.#checkAcks, settings.ackTimeout - silentMs);
  };

  // --- down ---

  /** Returns what is wrong with it. */
  #receive(message: DataMessage): string | undefined {
    const { ack, control } = message;
    if (ack > this.#sentThrough)
      return `it acknowledges ${String(ack)}, and was sent ${String(this.#sentThrough)} at most`;
    // First, for the ack that an answer bears is behind it.
    const isData = message.type === MessageType.DATA || message.type === MessageType.UNSPECIFIED;
    const isTaken = !isData || this.#delivery.take(message);
    const progressed = ack > this.#unsettled.settledThrough && this.#unsettled.accept(ack);
    if (progressed) this.#noteProgress();
    switch (message.type) {
      case MessageType.UNSPECIFIED:
      case MessageType.DATA:
        if (!isTaken) this.#tooLarge();
        return undefined;
      case MessageType.ACK:
        return progressed ? undefined : this.#talksIdly();
      case MessageType.HEALTH_CHECK:
        if (ack === 0) this.#answerProbe(message);
        return this.#talksIdly();
      case MessageType.CONTROL:
        if (control?.action === 'error') return this.#failed(control.sequence, control);
        if (control?.action === 'closed') {
          this.#closedBy(control.code, control.reason, control.retryAfterMs);
          return undefined;
        }
        return this.#talksIdly();
      default:
        return this.#talksIdly();
    }
  }

  #failed(
    sequence: number,
    { code, message, retryAfterMs }: { code: string; message: string; retryAfterMs: number },
  ): string | undefined {
    if (sequence > this.#sentThrough)
      return `its Error names ${String(sequence)}, and it was sent ${String(this.#sentThrough)} at most`;
    if (!this.#unsettled.fail(sequence, errorOf(code, message, retryAfterMs))) return this.#talksIdly();
    this.#noteProgress();
    return undefined;
  }

  #noteProgress(): void {
    this.#progressAtMs = this.#pool.clock.now();
    this.#failures = 0;
  }

  #closedBy(code: string, reason: string, retryAfterMs: number): void {
    this.#link?.leave(this.#pool.settings.closeGrace);
    this.#link = undefined;
    const { session } = this.#spec;
    this.#finish(() => {
      if (code === '') session.end(reason);
      else session.fail(errorOf(code, reason, retryAfterMs));
    });
  }

  /** It would come again from the next backend: the session can't go on. */
  #tooLarge(): void {
    const { maxMessageSize, closeGrace } = this.#pool.settings;
    this.#link?.leave(closeGrace);
    this.#link = undefined;
    const text = `the service behind the route sent a payload of more than ${String(maxMessageSize)} bytes, or in too many messages, more than the gateway takes from it`;
    this.#finish(() => {
      this.#spec.session.fail(new SluiceError('MESSAGE_TOO_LARGE', text));
    });
  }

  /** The backend is told, as a route in the gateway would be: by the number that it gave its message, if any. */
  #tellRefused({ sequence }: DataMessage, fault: unknown): void {
    this.#pool.counters.messagesRefused += 1;
    const { address } = this.#link ?? {};
    this.#pool.warn({ address, reason: errorText(fault) }, 'a message of a backend can not be sent');
    // One that does not read what it is told has to do without.
    if (this.#link === undefined || !this.#writable) return;
    const { code, message } =
      fault instanceof SluiceError ? fault : new SluiceError('ROUTE_FAILED', 'this message can not be sent');
    const error = { action: 'error', code, message, sequence, retryAfterMs: 0 } as const;
    this.#writable = this.#link.send([controlMessage(error, this.#spec.sessionId)]);
  }

  #answerProbe({ sequence, timestampMs }: DataMessage): void {
    const { sessionId } = this.#spec;
    const answer = dataMessage({
      type: MessageType.HEALTH_CHECK,
      sessionId,
      sequence,
      ack: sequence,
      timestampMs,
    });
    if (this.#writable && this.#link !== undefined) this.#writable = this.#link.send([answer]);
  }

  #talksIdly(): string | undefined {
    const now = this.#pool.clock.now();
    if (now - this.#idleSinceMs > IDLE_TALK_MS) {
      this.#idleSinceMs = now;
      this.#idleTalk = 0;
    }
    this.#idleTalk += 1;
    if (this.#idleTalk <= MAX_IDLE_TALK) return undefined;
    return `it sent more than ${String(MAX_IDLE_TALK)} messages that say nothing new within ${String(IDLE_TALK_MS)} ms`;
  }

  /** Once all that the backend has sent is delivered, and what it acknowledged is told. */
  #finish(end: () => void): void {
    this.#ackTimer?.cancel();
    this.#outage?.cancel();
    this.#ending = () => {
      this.#ending = undefined;
      this.#pool.clock.setImmediate(() => {
        if (!this.#over) end();
      });
    };
    if (this.#delivery.isIdle) this.#ending();
  }
}

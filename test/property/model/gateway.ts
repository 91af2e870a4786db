import { FlowCounters, type DropReason } from '../../../src/core/counters.js';
import {
  controlMessage,
  dataMessage,
  EMPTY_BYTES,
  MessageType,
  type Control,
  type DataMessage,
  type Open,
} from '../../../src/wire/messages.js';
import {
  quickly,
  type GatewaySide,
  type RouteEvents,
  type SessionView,
  type WorldOptions,
} from './contract.js';
import { ModelSession, Tombstones, type Tombstone } from './session.js';
import type { Size } from './window.js';

const SESSION_ID = 's';
/** Sends of a route that may wait for room at a time. */
const MAX_BLOCKED = 4;
const TOKEN_BYTES = 16;

const tokenName = (token: Uint8Array): string => Buffer.from(token).toString('hex');

function closed(code: string): Control {
  return { action: 'closed', code, reason: '', retry: 0, retryAfterMs: 0 };
}

function error(sequence: number): Control {
  return { action: 'error', code: 'ROUTE_FAILED', message: '', sequence, retryAfterMs: 0 };
}

function drainMessage(deadlineMs: number): DataMessage {
  return controlMessage({ action: 'drain', deadlineMs, reason: 'gateway' });
}

/** The gateway's side of the protocol, for one client and one session ID: one file, to be read as one. */
export class ModelGateway implements GatewaySide {
  readonly #options: WorldOptions;
  readonly #events: RouteEvents;
  readonly #out = new Map<number, DataMessage[]>();
  readonly #tombstones = new Tombstones();
  readonly #past = { up: new FlowCounters(), down: new FlowCounters() };
  #session: ModelSession | undefined;
  #nowMs = 0;
  /** Connections whose clients have said their last word, and those of them that are ended. */
  readonly #halfClosed = new Set<number>();
  readonly #ended = new Set<number>();
  #drainUntilMs = Infinity;
  /** Since when it is above its budget. */
  #overSinceMs = Infinity;
  #tokens = 0;
  /** Messages for sessions that are not open here, duplicates, refused Opens: outside the account. */
  refused = 0;

  constructor(options: WorldOptions, events: RouteEvents) {
    this.#options = options;
    this.#events = events;
  }

  connected(connection: number): void {
    const deadlineMs = this.#drainUntilMs - this.#nowMs;
    this.#out.set(connection, deadlineMs === Infinity ? [] : [drainMessage(deadlineMs)]);
  }

  lost(connection: number): void {
    this.#out.delete(connection);
    const session = this.#session;
    if (session?.attachment?.connection !== connection) return;
    session.attachment = undefined;
    session.detachedAtMs = this.#nowMs;
  }

  written(connection: number): readonly DataMessage[] {
    return this.#out.get(connection)?.splice(0) ?? [];
  }

  halfClosed(connection: number): void {
    this.#halfClosed.add(connection);
    const attachment = this.#session?.attachment;
    // Nobody can resume any more what was paused.
    if (attachment?.connection === connection) attachment.paused = false;
  }

  /** It has one reason of its own to end a connection: what a client that has half-closed may get was given. */
  standing(connection: number): 'open' | 'ended' {
    if (this.#halfClosed.has(connection) && !this.#owes(connection)) {
      this.#halfClosed.delete(connection);
      this.#ended.add(connection);
      this.#detach(connection);
    }
    return this.#ended.has(connection) ? 'ended' : 'open';
  }

  /** What only acks of the client could move on is not owed. */
  #owes(connection: number): boolean {
    const session = this.#session;
    if (session?.attachment?.connection !== connection) return false;
    return session.outbox.sendable || (this.routeHandling() !== undefined && session.blocked.length === 0);
  }

  #detach(connection: number): void {
    const session = this.#session;
    if (session?.attachment?.connection !== connection) return;
    this.acknowledge();
    session.attachment = undefined;
    session.detachedAtMs = this.#nowMs;
  }

  receive(connection: number, messages: readonly DataMessage[]): number {
    for (const message of messages) this.#receive(connection, message);
    return messages.length;
  }

  #receive(connection: number, message: DataMessage): void {
    const { control } = message;
    if (control?.action === 'open') {
      this.#open(connection, control);
      return;
    }
    const session = this.#session;
    if (session?.attachment?.connection !== connection) {
      this.refused += 1;
      return;
    }
    if (message.ack > 0 && !this.#acked(session, message.ack)) return;
    if (message.type === MessageType.DATA) this.#data(session, message);
    switch (control?.action) {
      case 'close':
        if (session.phase !== 'open') break;
        session.phase = 'closing';
        session.progressAtMs = this.#nowMs;
        break;
      case 'pause':
        session.attachment.paused = true;
        break;
      case 'resume':
        session.attachment.paused = false;
        break;
      case 'window':
        session.outbox.changeWindow(control);
        break;
      default:
        break;
    }
    this.#release(session);
    this.#closeIfComplete();
  }

  pump(limit: number): void {
    const session = this.#session;
    for (let i = 0; i < limit; i += 1) {
      if (session?.attachment === undefined || session.attachment.paused) return;
      const write = session.outbox.next(this.#nowMs);
      if (write === undefined) break;
      if (write.kind === 'gap') this.#writeGap(session, write.from, write.to, write.reason);
      else this.#write(session, { ...write.message, sequence: write.sequence, ack: this.#tell(session) });
      this.#release(session);
    }
    this.#closeIfComplete();
  }

  acknowledge(): void {
    const session = this.#session;
    if (session?.attachment === undefined) return;
    const isNews = this.#overSinceMs === Infinity && session.inbox.finished > session.inbox.told;
    if (!session.repeated && !isNews) return;
    this.#write(session, dataMessage({ type: MessageType.ACK, ack: this.#tell(session) }));
  }

  now(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#tombstones.expire(this.#nowMs);
    if (ms >= this.#options.ackDelayMs) this.acknowledge();
    const session = this.#session;
    if (session === undefined) return;
    const { resumeWindowMs, shedAfterMs } = this.#options;
    if (this.#nowMs - this.#overSinceMs >= shedAfterMs && session.holdsSomething) {
      this.#end(session, 'OVERLOADED', 'overloaded');
      return;
    }
    const { attachment, phase, outbox } = session;
    if (this.#nowMs >= this.#drainUntilMs) this.#drained(session);
    else if (attachment === undefined && this.#nowMs - session.detachedAtMs >= resumeWindowMs)
      this.#remove(session, 'session-expired');
    // Only while it is the client's turn: a slow route is no slow consumer.
    else if (phase === 'open' || outbox.settled) session.progressAtMs = this.#nowMs;
    else if (this.#nowMs - session.progressAtMs >= resumeWindowMs) this.#end(session, 'SLOW_CONSUMER');
  }

  drain(deadlineMs: number): void {
    this.#drainUntilMs = Math.min(this.#drainUntilMs, this.#nowMs + deadlineMs);
    this.#tellAll(drainMessage(deadlineMs));
    this.#closeIfComplete();
  }

  overBudget(isOver: boolean): void {
    if (isOver === (this.#overSinceMs !== Infinity)) return;
    this.#overSinceMs = isOver ? this.#nowMs : Infinity;
    this.#tellAll(controlMessage(isOver ? { action: 'pause', reason: 'memory' } : { action: 'resume' }));
    if (this.#session !== undefined) this.#release(this.#session);
    this.#closeIfComplete();
  }

  crowd(): void {
    const session = this.#session;
    // A gateway that leaves opens no session for others.
    if (session === undefined || session.attachment !== undefined || this.#drainUntilMs !== Infinity) return;
    this.#remove(session, 'evicted');
  }

  changeWindow(change: Size): void {
    const session = this.#session;
    if (session?.attachment === undefined) return;
    session.inbox.changeWindow(change);
    this.#write(session, controlMessage({ action: 'window', ...change }));
  }

  routeHandling(): readonly DataMessage[] | undefined {
    return this.#session?.phase === 'ending' ? undefined : this.#session?.inbox.handling;
  }

  routeFinishes(accepted: boolean): void {
    const session = this.#session;
    const pieces = this.routeHandling();
    if (session === undefined || pieces === undefined) return;
    const sequence = session.inbox.finish(accepted);
    this.#events.finished(session.subject, pieces, accepted);
    if (!accepted) this.#write(session, controlMessage(error(sequence)));
    this.#closeIfComplete();
  }

  routeSends(pieces: readonly DataMessage[]): void {
    const session = this.#session;
    if (session === undefined || session.sealed || session.blocked.length >= MAX_BLOCKED) return;
    if (session.blocked.length > 0 || !this.#admit(session, pieces)) session.blocked.push(pieces);
  }

  routeEnds(): void {
    const session = this.#session;
    if (session === undefined || session.phase === 'ending') return;
    session.phase = 'ending';
    session.progressAtMs = this.#nowMs;
    session.inbox.discard('session-closed');
    this.#closeIfComplete();
  }

  session(): SessionView | undefined {
    const session = this.#session;
    if (session === undefined) return undefined;
    const { subject, up, down, inbox, outbox, blocked } = session;
    return {
      subject,
      up,
      down,
      heldUp: inbox.pending,
      heldDown: outbox.heldCount,
      lostRanges: outbox.lostCount,
      blocked: blocked.length,
    };
  }

  remains(): number {
    return (this.#session === undefined ? 0 : 1) + this.#tombstones.size;
  }

  /** What it holds is what it counts: `session()` says both. */
  audit(): void {
    // The World looks.
  }

  async settled(): Promise<void> {
    // It gives no promises.
  }

  endedTotals(): { readonly up: FlowCounters; readonly down: FlowCounters } {
    return this.#past;
  }

  // Opening.

  #open(connection: number, open: Open): void {
    const session = this.#session;
    if (session?.attachment?.connection === connection) {
      this.#end(session, 'INVALID_MESSAGE');
      return;
    }
    const { length } = open.resumeToken;
    if (length !== TOKEN_BYTES && (length !== 0 || open.resume)) {
      this.#refuse(connection, 'INVALID_MESSAGE');
      return;
    }
    const token = tokenName(open.resumeToken);
    const live = session?.token === token ? session : undefined;
    const tombstone = this.#tombstones.get(token);
    const highest = live?.attempt ?? tombstone?.attempt ?? 0;
    if (open.attempt !== 0 && open.attempt < highest) this.#refuse(connection, 'TAKEN_OVER');
    else if (tombstone !== undefined) this.#answerForTheDead(connection, tombstone, open);
    else if (!open.resume) this.#openFresh(connection, open, token);
    else if (live !== undefined) this.#resume(connection, live, open);
    else {
      // Its first Open may still be under way: it must not create anything any more.
      this.#bury(token, open.attempt);
      if (session === undefined) this.#gone(connection);
      else this.#refuse(connection, 'PERMISSION_DENIED');
    }
  }

  #openFresh(connection: number, open: Open, token: string): void {
    const present = this.#session;
    if (this.#drainUntilMs !== Infinity) {
      this.#refuse(connection, 'DRAINING');
      return;
    }
    if (present !== undefined && (present.attachment !== undefined || present.token === token)) {
      this.#refuse(connection, 'SESSION_IN_USE');
      return;
    }
    if (present !== undefined) this.#remove(present, 'session-closed');
    const bytes = open.resumeToken.length > 0 ? open.resumeToken : this.#newToken();
    const { attempt, subject } = open;
    const session = new ModelSession(this.#options, subject, tokenName(bytes), bytes, attempt);
    this.#session = session;
    this.#events.opened(subject);
    this.#attach(connection, session, open, 0);
    this.#opened(session, false);
  }

  #resume(connection: number, session: ModelSession, open: Open): void {
    session.attempt = Math.max(session.attempt, open.attempt);
    const older = session.attachment;
    if (older !== undefined) this.#refuse(older.connection, 'TAKEN_OVER');
    if (!this.#attach(connection, session, open, open.lastReceivedSequence)) {
      this.#end(session, 'INVALID_MESSAGE');
      return;
    }
    this.#opened(session, true);
    for (const sequence of session.inbox.errors) this.#write(session, controlMessage(error(sequence)));
    // Also above the budget: else an Error repeated would be followed by no ack that covers it.
    session.inbox.told = session.inbox.finished;
    this.#write(session, dataMessage({ type: MessageType.ACK, ack: session.inbox.told }));
    this.#release(session);
    this.#closeIfComplete();
  }

  #attach(connection: number, session: ModelSession, open: Open, position: number): boolean {
    session.attachment = { connection, paused: false };
    session.inbox.attach(this.#options.upWindow);
    const { downWindow } = this.#options;
    const window = {
      messages: open.windowMessages === 0 ? downWindow.messages : open.windowMessages,
      bytes: open.windowBytes === 0 ? downWindow.bytes : open.windowBytes,
    };
    return session.outbox.attach(position, window);
  }

  #opened(session: ModelSession, resumed: boolean): void {
    const { granted, received, ackBeforeErrors } = session.inbox;
    const control: Control = {
      action: 'opened',
      resumed,
      resumeToken: session.tokenBytes,
      lastReceivedSequence: received,
      windowMessages: granted.messages,
      windowBytes: granted.bytes,
    };
    this.#write(session, dataMessage({ type: MessageType.CONTROL, control, ack: ackBeforeErrors }));
  }

  #answerForTheDead(connection: number, tombstone: Tombstone, open: Open): void {
    tombstone.attempt = Math.max(tombstone.attempt, open.attempt);
    const { ended } = tombstone;
    if (ended === undefined) {
      this.#gone(connection);
      return;
    }
    for (const sequence of ended.errors) this.#writeTo(connection, controlMessage(error(sequence)));
    const control = closed(ended.code);
    this.#writeTo(connection, dataMessage({ type: MessageType.CONTROL, control, ack: ended.ack }));
  }

  #gone(connection: number): void {
    this.refused += 1;
    this.#writeTo(
      connection,
      controlMessage({
        action: 'opened',
        resumed: false,
        resumeToken: EMPTY_BYTES,
        lastReceivedSequence: 0,
        windowMessages: 0,
        windowBytes: 0,
      }),
    );
  }

  /** Ends an attachment or an attempt, never a session. */
  #refuse(connection: number, code: string): void {
    this.refused += 1;
    this.#writeTo(connection, controlMessage(closed(code)));
  }

  #newToken(): Uint8Array {
    this.#tokens += 1;
    return new Uint8Array(TOKEN_BYTES).fill(0x80 + this.#tokens);
  }

  // What comes while it is open.

  /** False: the session has ended over it. */
  #acked(session: ModelSession, ack: number): boolean {
    const before = session.outbox.acked;
    const possible = session.outbox.ack(ack);
    if (!possible) this.#end(session, 'INVALID_MESSAGE');
    else if (session.outbox.acked > before) session.progressAtMs = this.#nowMs;
    return possible;
  }

  #data(session: ModelSession, message: DataMessage): void {
    const { inbox, phase } = session;
    if (phase === 'ending') {
      this.refused += 1;
      return;
    }
    if (phase === 'closing' && message.sequence > inbox.received) {
      this.#end(session, 'INVALID_MESSAGE');
      return;
    }
    const reception = inbox.receive(message);
    if (reception === 'duplicate') {
      this.refused += 1;
      session.repeated = true;
    } else if (reception !== 'admitted') this.#end(session, reception);
    else if (this.#options.quickRoute) this.#handleQuickly();
  }

  #handleQuickly(): void {
    for (let last = this.routeHandling()?.at(-1); last !== undefined; last = this.routeHandling()?.at(-1)) {
      const { answer, ends, accepts } = quickly(last);
      if (answer !== undefined) this.routeSends([answer]);
      if (ends) this.routeEnds();
      this.routeFinishes(accepts);
    }
  }

  /** The ack that goes out now, noted as told; above the budget none rises. */
  #tell(session: ModelSession): number {
    session.repeated = false;
    if (this.#overSinceMs === Infinity) session.inbox.told = session.inbox.finished;
    return session.inbox.told;
  }

  /** False: it waits for room. */
  #admit(session: ModelSession, pieces: readonly DataMessage[]): boolean {
    if (this.#overSinceMs !== Infinity) return false;
    const admission = session.outbox.admit(pieces, this.#nowMs);
    if (admission === 'wait') return false;
    if (admission === 'taken') this.#events.taken(session.subject, pieces);
    else if (admission === 'disconnect') this.#end(session, 'SLOW_CONSUMER');
    return true;
  }

  /** Takes what waited for room. */
  #release(session: ModelSession): void {
    for (;;) {
      const first = session.blocked[0];
      if (first === undefined || this.#session !== session || !this.#admit(session, first)) return;
      session.blocked.shift();
    }
  }

  // Ending.

  #closeIfComplete(): void {
    const session = this.#session;
    if (session?.attachment === undefined) return;
    const { inbox, outbox, blocked } = session;
    if (session.complete) this.#end(session, '');
    else if (this.#drainUntilMs === Infinity) return;
    else if (inbox.pending === 0 && outbox.settled && blocked.length === 0) this.#end(session, 'DRAINING');
  }

  #drained(session: ModelSession): void {
    const { outbox, attachment } = session;
    if (attachment !== undefined && outbox.cursor < outbox.assigned) {
      const gap = outbox.gapTo(outbox.assigned, 'drained');
      if (gap.kind === 'gap') this.#writeGap(session, gap.from, gap.to, gap.reason);
    }
    this.#end(session, 'DRAINING', 'drained');
  }

  #end(session: ModelSession, code: string, reason: DropReason = 'session-closed'): void {
    const { finished: ack, errors } = session.inbox;
    this.#write(session, dataMessage({ type: MessageType.CONTROL, control: closed(code), ack }));
    this.#remove(session, reason, { code, ack, errors: [...errors] });
  }

  #remove(session: ModelSession, reason: DropReason, ended?: Tombstone['ended']): void {
    session.discard(reason);
    session.attachment = undefined;
    this.#session = undefined;
    for (const direction of ['up', 'down'] as const) {
      const [total, own] = [this.#past[direction], session[direction]];
      total.admitted += own.admitted;
      total.delivered += own.delivered;
      for (const key of Object.keys(own.droppedBy) as DropReason[])
        total.droppedBy[key] += own.droppedBy[key];
    }
    this.#bury(session.token, session.attempt, ended);
    this.#events.ended(session.subject);
  }

  #bury(token: string, attempt: number, ended?: Tombstone['ended']): void {
    const untilMs = this.#nowMs + this.#options.resumeWindowMs;
    this.#tombstones.bury(token, { attempt, untilMs, ...(ended === undefined ? {} : { ended }) });
  }

  #writeGap(session: ModelSession, fromSequence: number, toSequence: number, reason: string): void {
    this.#write(session, controlMessage({ action: 'gap', fromSequence, toSequence, reason }));
  }

  #write(session: ModelSession, message: DataMessage): void {
    if (session.attachment !== undefined) this.#writeTo(session.attachment.connection, message);
  }

  #tellAll(message: DataMessage): void {
    for (const out of this.#out.values()) out.push(message);
  }

  #writeTo(connection: number, message: DataMessage): void {
    this.#out.get(connection)?.push({ ...message, sessionId: SESSION_ID });
  }
}

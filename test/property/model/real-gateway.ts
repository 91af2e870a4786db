import { DROP_REASONS, FlowCounters } from '../../../src/core/counters.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../../src/flow/byte-account.js';
import type { RouteHandler } from '../../../src/session/route.js';
import type { WindowedSession } from '../../../src/session/windowed/windowed-session.js';
import {
  controlMessage,
  dataMessage,
  MessageType,
  openControl,
  type DataMessage,
} from '../../../src/wire/messages.js';
import type { GatewaySide, RouteEvents, SessionView, WorldOptions } from './contract.js';
import { HeldStream, SEND_BUFFER_BYTES } from './held-stream.js';
import { check } from './ledger.js';
import { Conversation } from './real-route.js';
import { BUDGET_BYTES, realServer } from './real-server.js';
import { changed, largest, type Size } from './window.js';

const CLIENT = 'ann';
const SESSION = 's';
const STRANGER = 'bob';

/**
 * The gateway that is built, under the moves, the client and the checks that the
 * model meets: the whole of it behind its transport, in a time that stands still.
 * What it schedules for the end of a turn runs after each move.
 */
export class RealGateway implements GatewaySide {
  readonly #options: WorldOptions;
  readonly #built: ReturnType<typeof realServer>;
  readonly #connections = new Map<number, HeldStream>();
  /** Whose session each connection speaks of, and what that client has sent in it, each message once. */
  readonly #subjects = new Map<number, string>();
  readonly #sent = new Map<string, DataMessage[]>();
  /** All there ever were; the last may live. */
  readonly #conversations: Conversation[] = [];
  #drains = 0;
  #drainsDone = 0;
  #largestGranted: Size;
  /** What others hold, to exceed the budget. */
  #ballastBytes = 0;
  #strangers = 0;

  constructor(options: WorldOptions, events: RouteEvents) {
    this.#options = options;
    this.#largestGranted = options.upWindow;
    this.#built = realServer(options, (session) => this.#converse(session, events));
  }

  connected(connection: number): void {
    this.#connections.set(connection, this.#connect(CLIENT));
    this.#turn();
  }

  receive(connection: number, messages: readonly DataMessage[]): number {
    for (const message of messages) this.#note(connection, message);
    const taken = this.#connections.get(connection)?.deliver(messages) ?? messages.length;
    this.#turn();
    return taken;
  }

  halfClosed(connection: number): void {
    this.#connections.get(connection)?.halfClose();
    this.#turn();
  }

  lost(connection: number): void {
    this.#connections.get(connection)?.close('lost');
    this.#connections.delete(connection);
    this.#turn();
  }

  written(connection: number): readonly DataMessage[] {
    const out = this.#connections.get(connection)?.out.splice(0) ?? [];
    return out.filter(({ control }) => control?.action !== 'welcome');
  }

  standing(connection: number): 'open' | 'ended' | 'refused' {
    const stream = this.#connections.get(connection);
    if (stream?.ended !== true) return 'open';
    return stream.refused ? 'refused' : 'ended';
  }

  pump(limit: number): void {
    const bytes = limit === Infinity ? SEND_BUFFER_BYTES : 1;
    for (let i = 0; i < limit; i += 1) {
      const before = this.#built.metrics.messagesSent;
      for (const stream of this.#connections.values()) stream.letGo(bytes);
      this.#turn();
      if (this.#built.metrics.messagesSent === before) break;
    }
    for (const stream of this.#connections.values()) stream.hold();
  }

  acknowledge(): void {
    const session = this.#live?.session;
    if (session?.attached === true && session.owesAck) session.writeAck();
    this.#turn();
  }

  now(): number {
    return this.#built.clock.now();
  }

  advance(ms: number): void {
    this.#built.clock.advance(ms);
    this.#turn();
  }

  drain(deadlineMs: number): void {
    this.#drains += 1;
    void this.#built.server.drain(deadlineMs).then(() => (this.#drainsDone += 1));
    this.#turn();
  }

  changeWindow(change: Size): void {
    const { windows } = this.#built;
    windows.granted = changed(windows.granted, change);
    this.#largestGranted = largest(this.#largestGranted, windows.granted);
  }

  overBudget(isOver: boolean): void {
    const bytes = isOver ? BUDGET_BYTES + 1 : 0;
    this.#built.account.add(bytes - this.#ballastBytes);
    this.#ballastBytes = bytes;
    this.#turn();
  }

  crowd(): void {
    const stream = this.#connect(STRANGER);
    this.#strangers += 1;
    const { downWindow } = this.#options;
    stream.deliver([
      controlMessage(
        openControl({
          subject: STRANGER,
          windowMessages: downWindow.messages,
          windowBytes: downWindow.bytes,
        }),
        `${this.#strangers}`,
      ),
      // Something to hold.
      dataMessage({
        type: MessageType.DATA,
        sessionId: `${this.#strangers}`,
        sequence: 1,
        data: new Uint8Array(4),
      }),
    ]);
    this.#turn();
    stream.close('lost');
    this.#turn();
  }

  routeHandling(): readonly DataMessage[] | undefined {
    return this.#live?.handling;
  }

  async routeFinishes(accepted: boolean, which = 0): Promise<void> {
    // Those of ended sessions come late, and change nothing.
    for (const conversation of this.#conversations) conversation.finish(accepted, which);
    await this.#built.clock.settle();
    this.#turn();
  }

  routeSends(pieces: readonly DataMessage[]): void {
    this.#live?.send(pieces);
    this.#turn();
  }

  routeEnds(): void {
    this.#live?.session.end();
    this.#turn();
  }

  session(): SessionView | undefined {
    const session = this.#built.sessions.windowed(CLIENT, SESSION);
    if (session === undefined) return undefined;
    return {
      subject: session.subject,
      up: session.up,
      down: session.down,
      heldUp: session.inboxLength,
      heldDown: session.outboxLength,
      lostRanges: session.lostRanges,
      blocked: session.waitingSends,
    };
  }

  remains(): number {
    const { windowed, size } = this.#built.server;
    const kept =
      windowed.size + windowed.detached.size + windowed.remembered.size + this.#built.sessions.size;
    return kept + size + this.#built.pool.size + this.#built.account.bytes + this.#built.clock.pending;
  }

  endedTotals(): { readonly up: FlowCounters; readonly down: FlowCounters } {
    const totals = { up: new FlowCounters(), down: new FlowCounters() };
    for (const { session, ended } of this.#conversations) {
      if (!ended) continue;
      addTo(totals.up, session.up);
      addTo(totals.down, session.down);
    }
    return totals;
  }

  audit(): void {
    const { windowed } = this.#built.server;
    let bytes = this.#ballastBytes;
    let [pendingUp, pendingDown] = [0, 0];
    for (const session of windowed) {
      bytes += session.heldBytes;
      pendingUp += session.inboxLength;
      pendingDown += session.outboxLength;
    }
    check(this.#built.account.bytes === bytes, `${this.#built.account.bytes} bytes accounted, ${bytes} held`);
    check(this.#built.metrics.up.pending === pendingUp, 'up: all that is pending is what all hold');
    check(this.#built.metrics.down.pending === pendingDown, 'down: all that is pending is what all hold');
    check(windowed.size === this.#built.sessions.size, 'the windowed sessions are all there are');
    check(windowed.detached.size <= 1, 'more detached sessions than there may be');
    for (const conversation of this.#conversations) this.#auditOne(conversation);
  }

  async settled(): Promise<void> {
    for (const conversation of this.#conversations) conversation.finishAll();
    await this.#built.clock.settle();
    for (const conversation of this.#conversations) conversation.checkPromises();
    check(this.#drainsDone === this.#drains, 'a drain never ends');
    check(this.remains() === 0, 'something came back after the end');
  }

  // --- what it holds ---

  get #live(): Conversation | undefined {
    const last = this.#conversations.at(-1);
    return last?.ended === false ? last : undefined;
  }

  #auditOne(conversation: Conversation): void {
    const { session, ended, bytesWaiting } = conversation;
    const { unhandled, inFlight, waiting, heldBytes, errorBytes } = session;
    const { outboxLength, inboxLength, waitingSends } = session;
    if (ended) {
      check(heldBytes + outboxLength + inboxLength + waitingSends === 0, 'an ended session holds something');
      return;
    }
    check(within(unhandled, this.#largestGranted), 'the inbox holds more than was granted');
    check(within(waiting, this.#options.waitingBound), 'more waits in the outbox than may');
    // What is to be sent again is in neither; then only so much can be said from outside.
    const sentAgain = outboxLength - inFlight.messages - waiting.messages;
    const messages = unhandled.messages + inFlight.messages + waiting.messages;
    const bytes =
      unhandled.bytes +
      inFlight.bytes +
      waiting.bytes +
      messages * MESSAGE_OVERHEAD_BYTES +
      bytesWaiting +
      errorBytes;
    check(
      sentAgain > 0 ? heldBytes > bytes : heldBytes === bytes,
      `${heldBytes} bytes accounted, ${bytes} held`,
    );
  }

  /** Notes what a client says and sends, to compare with what the route gets. */
  #note(connection: number, message: DataMessage): void {
    const { control, sequence, type } = message;
    if (control?.action === 'open') this.#subjects.set(connection, control.subject);
    const sent = this.#sentBy(this.#subjects.get(connection) ?? '');
    if (type === MessageType.DATA && sequence > 0) sent[sequence - 1] ??= message;
  }

  #sentBy(subject: string): DataMessage[] {
    let sent = this.#sent.get(subject);
    if (sent === undefined) this.#sent.set(subject, (sent = []));
    return sent;
  }

  /** The end of a turn: what was scheduled for it runs. Throws what its route or its log was told and should not have been. */
  #turn(): void {
    this.#built.clock.runImmediates();
    this.#live?.noteTaken();
    const [fault] = this.#built.faults;
    if (fault !== undefined) throw fault;
  }

  // --- how it is built ---

  #connect(clientId: string): HeldStream {
    const stream = new HeldStream(this.#built.clock, clientId);
    stream.receiver = this.#built.server.accept(stream);
    return stream;
  }

  #converse(session: WindowedSession, events: RouteEvents): RouteHandler {
    // Never done with what it is given.
    if (session.clientId === STRANGER) return { handle: () => new Promise(() => undefined) };
    const sent = this.#sentBy(session.subject);
    const conversation = new Conversation(session, sent, this.#options, events);
    this.#conversations.push(conversation);
    return conversation;
  }
}

function within({ messages, bytes }: Size, bound: Size): boolean {
  return messages <= 1 || (messages <= bound.messages && bytes <= bound.bytes);
}

function addTo(total: FlowCounters, own: FlowCounters): void {
  total.admitted += own.admitted;
  total.delivered += own.delivered;
  for (const reason of DROP_REASONS) total.droppedBy[reason] += own.droppedBy[reason];
}

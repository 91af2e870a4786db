import { MESSAGE_OVERHEAD_BYTES } from '../../../src/flow/byte-account.js';
import { SluiceError } from '../../../src/core/errors.js';
import { overflowOf } from '../../../src/session/overflow.js';
import type { Route, RouteHandler, RouteSession } from '../../../src/session/route.js';
import { WindowedSession } from '../../../src/session/windowed/windowed-session.js';
import { weightOf, type DataMessage } from '../../../src/wire/messages.js';
import { quickly, type RouteEvents, type WorldOptions } from './contract.js';
import { check } from './ledger.js';

interface Handling {
  readonly pieces: readonly DataMessage[];
  readonly accept: () => void;
  readonly fail: (error: unknown) => void;
  /** How it was done with, which counts when all before it are. */
  accepted: boolean | undefined;
}

interface Send {
  readonly pieces: readonly DataMessage[];
  /** How the promise that was given for it ended. */
  outcome: 'at once' | 'waits' | 'taken' | 'refused';
}

/** More sends than this do not wait in one session. */
const MAX_WAITING = 4;
/** What the route fails with. */
export const FAILURE = new Error('as asked');

/** One session as its route has it; what comes of it is told to the ledger. */
export class Conversation implements RouteHandler {
  readonly session: WindowedSession;
  readonly #events: RouteEvents;
  readonly #options: WorldOptions;
  /** What its client sent, by sequence less 1. */
  readonly #sent: readonly DataMessage[];
  readonly #sends: Send[] = [];
  #handled = 0;
  /** Sends that have come into the outbox, and the messages they were. */
  #sendsTaken = 0;
  #messagesTaken = 0;
  /** What the route has and has not told to be done, in order. */
  readonly #handling: Handling[] = [];
  ended = false;

  constructor(
    session: WindowedSession,
    sent: readonly DataMessage[],
    options: WorldOptions,
    events: RouteEvents,
  ) {
    this.session = session;
    this.#sent = sent;
    this.#options = options;
    this.#events = events;
    events.opened(session.subject);
  }

  get handling(): readonly DataMessage[] | undefined {
    return this.#isHandling ? this.#handling[0]?.pieces : undefined;
  }

  /** What its sends that wait for room weigh, as the account has it. */
  get bytesWaiting(): number {
    const waiting = this.#sends.slice(this.#sendsTaken).flatMap(({ pieces }) => pieces);
    return waiting.reduce((sum, piece) => sum + weightOf(piece) + MESSAGE_OVERHEAD_BYTES, 0);
  }

  handle(message: DataMessage): void | Promise<void> {
    const { quickRoute, pipelined } = this.#options;
    check(pipelined || this.#handling.length === 0, 'the route gets one message at a time');
    const pieces = this.#sent.slice(this.#handled, message.sequence);
    const data = Buffer.concat(pieces.map((piece) => piece.data));
    check(pieces.length > 0 && data.equals(message.data), `${message.sequence} is not what was sent`);
    this.#handled = message.sequence;
    if (quickRoute) {
      const { answer, ends, accepts } = quickly(pieces.at(-1) ?? message);
      if (answer !== undefined) this.send([answer]);
      if (ends) this.session.end();
      // What the route had before it when the session ended is not done.
      if (this.#isHandling) this.#events.finished(this.session.subject, pieces, accepts);
      if (!accepts) throw FAILURE;
      return;
    }
    if (pipelined && message.sequence % 4 === 0) {
      // At once, and it counts at its place all the same.
      const accepted = message.sequence % 8 === 0;
      this.#handling.push({ pieces, accepted, accept: () => undefined, fail: () => undefined });
      this.#tellFinished();
      if (!accepted) throw FAILURE;
      return;
    }
    return new Promise((accept, fail) => {
      this.#handling.push({ pieces, accept, fail, accepted: undefined });
    });
  }

  /** One of those it has. Also when the session has ended meanwhile: nobody hears of it then. */
  finish(accepted: boolean, which: number): void {
    const open = this.#handling.filter((handling) => handling.accepted === undefined);
    const handling = open[which % open.length];
    if (handling === undefined) return;
    handling.accepted = accepted;
    this.#tellFinished();
    if (accepted) handling.accept();
    else handling.fail(FAILURE);
  }

  finishAll(): void {
    while (this.#handling.some(({ accepted }) => accepted === undefined)) this.finish(true, 0);
  }

  #tellFinished(): void {
    for (let first = this.#handling[0]; first?.accepted !== undefined; first = this.#handling[0]) {
      if (this.#isHandling) this.#events.finished(this.session.subject, first.pieces, first.accepted);
      this.#handling.shift();
    }
  }

  send(pieces: readonly DataMessage[]): void {
    const { session } = this;
    if (session.waitingSends >= MAX_WAITING) return;
    const send: Send = { pieces, outcome: 'at once' };
    try {
      for (const { data, key, ttlMs, more } of pieces) {
        const taken = session.send({ data, key, ttlMs, more });
        if (taken === undefined) continue;
        send.outcome = 'waits';
        taken.then(
          () => (send.outcome = 'taken'),
          () => (send.outcome = 'refused'),
        );
      }
    } catch {
      // The session is over, or too much waits: it was told so, and nothing was taken.
      return;
    }
    this.#sends.push(send);
  }

  closed(): void {
    this.noteTaken();
    this.ended = true;
    this.#events.ended(this.session.subject);
  }

  get #isHandling(): boolean {
    const { state } = this.session;
    return state === 'open' || state === 'closing';
  }

  /** Sends are taken in order: how many have been, the session's account says. */
  noteTaken(): void {
    const { admitted } = this.session.down;
    for (;;) {
      const pieces = this.#sends[this.#sendsTaken]?.pieces;
      if (pieces === undefined || this.#messagesTaken + pieces.length > admitted) break;
      this.#sendsTaken += 1;
      this.#messagesTaken += pieces.length;
      this.#events.taken(this.session.subject, pieces);
    }
    check(this.#messagesTaken === admitted, 'what was taken is not what was sent');
  }

  /** As asked by its client or its route. */
  get #endedRegularly(): boolean {
    const reason: unknown = this.session.signal.reason;
    return this.ended && reason instanceof SluiceError && reason.code === 'INTERNAL';
  }

  /** When promises have settled: each says what became of its send. */
  checkPromises(): void {
    for (const [index, { outcome }] of this.#sends.entries()) {
      const said = outcome === 'at once' ? 'taken' : outcome;
      const expected = index < this.#sendsTaken ? 'taken' : this.ended ? 'refused' : 'waits';
      check(
        expected !== 'refused' || !this.#endedRegularly,
        'a session is closed before all its sends are taken',
      );
      check(said === expected, `a send that was ${expected} has a promise that says ${said}`);
    }
  }
}

/** The route of all sessions: `open` makes the handler of each. */
export function routeOf(options: WorldOptions, open: (session: WindowedSession) => RouteHandler): Route {
  return {
    kind: 'model',
    wantsWhole: options.wantsWhole,
    pipelined: options.pipelined,
    overflow: overflowOf(options.policy) ?? 'block',
    open(session: RouteSession) {
      check(session instanceof WindowedSession, 'a session that was not opened');
      return open(session);
    },
  };
}

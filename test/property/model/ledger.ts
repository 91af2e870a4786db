import { MessageType, type DataMessage } from '../../../src/wire/messages.js';
import { GONE, REFUSED, type ClientEvents } from './client.js';
import type { RouteEvents } from './contract.js';

/** These end an attachment, or an attempt at one, never a session. */
const OF_THE_ATTEMPT: ReadonlySet<string> = new Set([
  'TAKEN_OVER',
  'SESSION_IN_USE',
  // Of a first Open that was refused SESSION_IN_USE, and resumed because the answer was lost.
  'PERMISSION_DENIED',
]);
/** All that an honest client may be told; anything else is a conviction. */
const HONEST_CLOSINGS: ReadonlySet<string> = new Set([...OF_THE_ATTEMPT, '', 'SLOW_CONSUMER', 'DRAINING']);

const idOf = (data: Uint8Array): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

/** What both ends of one session saw. Index 0 of an array is sequence 1. */
interface Account {
  readonly sentUp: { readonly id: number; readonly more: boolean }[];
  /** What the route was done with, in order, and how. */
  readonly handled: boolean[];
  settled: number;
  readonly takenDown: number[];
  /** How each sequence came to the client. */
  readonly seen: ('message' | 'gap')[];
  /** Sequences that went out as messages at least once. */
  readonly wentOut: Set<number>;
  /** One of those that a Gap has just named: only a gateway whose time to leave is over may do that, and says so next. */
  lostOnceSent: number | undefined;
  /** Whether a Closed of the session itself was written to the client. */
  closedTold: boolean;
  consumed: number;
  opened: number;
  ended: number;
  endedAtMs: number;
  over: string | undefined;
}

/**
 * The two applications, the client's and the route's, comparing what they saw.
 * It knows nothing of how either side works: what it asks of the model it asks
 * of the real gateway.
 */
export class Ledger implements ClientEvents, RouteEvents {
  readonly #accounts = new Map<string, Account>();
  readonly #nowMs: () => number;
  readonly #resumeWindowMs: number;
  /** Whether the gateway was above its budget at times, and may have ended what held most. */
  mayShed = false;

  constructor(nowMs: () => number, resumeWindowMs: number) {
    this.#nowMs = nowMs;
    this.#resumeWindowMs = resumeWindowMs;
  }

  account(subject: string): Account {
    let account = this.#accounts.get(subject);
    if (account === undefined) {
      account = {
        sentUp: [],
        handled: [],
        settled: 0,
        takenDown: [],
        seen: [],
        wentOut: new Set(),
        lostOnceSent: undefined,
        closedTold: false,
        consumed: 0,
        opened: 0,
        ended: 0,
        endedAtMs: 0,
        over: undefined,
      };
      this.#accounts.set(subject, account);
    }
    return account;
  }

  /** How many sequences the client was told are lost. */
  lossesSeen(subject: string): number {
    return this.account(subject).seen.filter((how) => how === 'gap').length;
  }

  // The client's application.

  sent(subject: string, sequence: number, data: Uint8Array, more: boolean): void {
    const { sentUp } = this.account(subject);
    sentUp.push({ id: idOf(data), more });
    check(sentUp.length === sequence, 'the client numbers from 1 without a hole');
  }

  settled(subject: string, sequence: number, accepted: boolean): void {
    const account = this.account(subject);
    check(sequence === account.settled + 1, 'acks settle in order, each message once');
    account.settled = sequence;
    const verdict = account.handled[sequence - 1];
    check(verdict !== undefined, `${sequence} is acknowledged, the route is not done with it`);
    check(verdict === accepted, `${sequence}: the client believes ${accepted}, the route said ${verdict}`);
  }

  received(subject: string, sequence: number, data: Uint8Array): void {
    const { seen, takenDown } = this.account(subject);
    seen.push('message');
    check(seen.length === sequence, `${sequence} out of order`);
    check(takenDown[sequence - 1] === idOf(data), `${sequence} is not what the route sent as ${sequence}`);
  }

  gap(subject: string, from: number, to: number, reason: string): void {
    const account = this.account(subject);
    check(account.seen.length + 1 === from && to >= from, `Gap ${from}..${to} out of place`);
    check(to <= account.takenDown.length, `Gap ${from}..${to} of what was never sent`);
    check(reason !== 'RESUME_EXPIRED', 'an honest client can be replayed everything');
    for (let i = from; i <= to; i += 1) account.seen.push('gap');
  }

  consumed(subject: string, through: number): void {
    this.account(subject).consumed = through;
  }

  over(subject: string, code: string): void {
    const account = this.account(subject);
    check(account.over === undefined, 'a session is over once');
    account.over = code;
    const { opened, ended, endedAtMs, closedTold } = account;
    check(code !== 'TAKEN_OVER', 'taken over, and by nobody');
    // As asked, or as the route ended it: nothing on the way down is lost then.
    if (code === '') check(account.seen.length === account.takenDown.length, 'closed before all was told');
    if (code !== GONE && code !== REFUSED) return;
    check(opened === ended, 'gone is told of a session that lives');
    if (code === REFUSED) return;
    // For the resume window its end is remembered and told again.
    const forgottenAtMs = closedTold ? endedAtMs + this.#resumeWindowMs : 0;
    check(this.#nowMs() >= forgottenAtMs, 'gone is told where Closed should be');
  }

  // The wire.

  written(subject: string, message: DataMessage): void {
    const account = this.account(subject);
    const { control } = message;
    if (message.type === MessageType.DATA) account.wentOut.add(message.sequence);
    if (control?.action === 'closed') {
      const mayBe = HONEST_CLOSINGS.has(control.code) || (this.mayShed && control.code === 'OVERLOADED');
      check(mayBe, `an honest client is convicted: ${control.code}`);
      if (account.ended === 1 && !OF_THE_ATTEMPT.has(control.code)) account.closedTold = true;
    }
    const { lostOnceSent } = account;
    account.lostOnceSent = undefined;
    if (lostOnceSent !== undefined) {
      const isCut = control?.action === 'closed' && control.code === 'DRAINING';
      check(isCut, `${lostOnceSent} was sent once, and is not kept for replay`);
    }
    if (control?.action !== 'gap') return;
    for (let i = control.fromSequence; i <= control.toSequence; i += 1)
      if (account.wentOut.has(i)) account.lostOnceSent ??= i;
  }

  allEnded(): void {
    for (const [subject, { opened, ended }] of this.#accounts)
      check(opened === ended, `${subject} was opened and never ended`);
  }

  // The route.

  opened(subject: string): void {
    const account = this.account(subject);
    account.opened += 1;
    check(account.opened === 1, 'a session is opened once');
    check(account.over === undefined, 'a session opens whose client has given it up');
  }

  finished(subject: string, pieces: readonly DataMessage[], accepted: boolean): void {
    const { handled, sentUp, ended } = this.account(subject);
    check(ended === 0, 'nothing is handled after the end');
    for (const [index, piece] of pieces.entries()) {
      const next = sentUp[handled.length];
      check(next?.id === idOf(piece.data), 'the route gets each message once, in order');
      // An Error names the last piece of a payload.
      handled.push(accepted || index < pieces.length - 1);
    }
  }

  taken(subject: string, pieces: readonly DataMessage[]): void {
    this.account(subject).takenDown.push(...pieces.map(({ data }) => idOf(data)));
  }

  ended(subject: string): void {
    const account = this.account(subject);
    account.ended += 1;
    account.endedAtMs = this.#nowMs();
    check(account.ended === 1, 'a session ends once');
  }
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

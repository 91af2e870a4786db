import type { DataMessage } from '../../../src/wire/messages.js';
import type { ClientEvents } from './client.js';
import type { RouteEvents } from './contract.js';

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
  /** In Gaps that are no loss: the client came back from before its own acks. */
  forgotten: number;
  consumed: number;
  opened: number;
  ended: number;
  over: string | undefined;
}

/**
 * The two applications, the client's and the route's, comparing what they saw.
 * It knows nothing of how either side works: what it asks of the model it asks
 * of the real gateway.
 */
export class Ledger implements ClientEvents, RouteEvents {
  readonly #accounts = new Map<string, Account>();

  account(subject: string): Account {
    let account = this.#accounts.get(subject);
    if (account === undefined) {
      account = {
        sentUp: [],
        handled: [],
        settled: 0,
        takenDown: [],
        seen: [],
        forgotten: 0,
        consumed: 0,
        opened: 0,
        ended: 0,
        over: undefined,
      };
      this.#accounts.set(subject, account);
    }
    return account;
  }

  /** Sequences told as lost, over all sessions, that were lost. */
  lossesSeen(subject: string): number {
    const { seen, forgotten } = this.account(subject);
    return seen.filter((how) => how === 'gap').length - forgotten;
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
    // As asked, or as the route ended it: nothing on the way down is lost then.
    if (code === '') check(account.seen.length === account.takenDown.length, 'closed before all was told');
  }

  // The route.

  opened(subject: string): void {
    this.account(subject).opened += 1;
    check(this.account(subject).opened === 1, 'a session is opened once');
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
    this.account(subject).ended += 1;
    check(this.account(subject).ended === 1, 'a session ends once');
  }
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

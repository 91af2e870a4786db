import type { FlowCounters } from '../../../src/core/counters.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';
import type { Size } from './window.js';

/** What a run fixes: the route's nature and every limit, small, so that all of them are met. */
export interface WorldOptions {
  readonly policy: number;
  readonly wantsWhole: boolean;
  readonly maxPayloadBytes: number;
  /** Granted to the client when it opens; never less than `floor`. */
  readonly upWindow: Size;
  /** What may follow a fresh Open at once. */
  readonly floor: Size;
  /** What the client states when it opens. */
  readonly downWindow: Size;
  readonly waitingBound: Size;
  readonly resumeWindowMs: number;
  /** How long an ack waits for company before it is written alone. */
  readonly ackDelayMs: number;
  /** How long the gateway may stay above its budget before it ends what holds most. */
  readonly shedAfterMs: number;
  /** The route is done with each message within the call that gives it (`quickly`), instead of when a move says so. */
  readonly quickRoute: boolean;
  /** The route is given messages beside those that it has not finished. The model's takes them one by one: what counts is the same. */
  readonly pipelined: boolean;
}

/** What a quick route does with a message, or with the payload that ends with it, in this order. */
export function quickly({ sequence, data }: DataMessage): {
  readonly answer: DataMessage | undefined;
  readonly ends: boolean;
  readonly accepts: boolean;
} {
  // It names itself by what it answers, and is taken for nothing else.
  const name = new DataView(data.buffer, data.byteOffset).getUint32(0) | 0x8000_0000;
  const answer = new Uint8Array(4);
  new DataView(answer.buffer).setUint32(0, name);
  return {
    answer: sequence % 2 === 0 ? dataMessage({ data: answer }) : undefined,
    ends: sequence === 9,
    accepts: sequence % 3 !== 0,
  };
}

/** What the route of a session meets and does; told as it happens. */
export interface RouteEvents {
  /** A session was opened; `subject` is its Open's and names it from now on. */
  opened(subject: string): void;
  /** The route took these pieces to handle, and was done with them. */
  finished(subject: string, pieces: readonly DataMessage[], accepted: boolean): void;
  /** A payload was taken into the outbox; its pieces have the next sequences. */
  taken(subject: string, pieces: readonly DataMessage[]): void;
  ended(subject: string): void;
}

export interface SessionView {
  readonly subject: string;
  readonly up: FlowCounters;
  readonly down: FlowCounters;
  /** What is really held, to compare with the counters' `pending`. */
  readonly heldUp: number;
  readonly heldDown: number;
  /** Ranges remembered as lost: at most two more than messages held. */
  readonly lostRanges: number;
  /** Sends of the route that wait for room. */
  readonly blocked: number;
}

/**
 * A gateway of one client and one session ID, as the moves drive it. The model
 * is one; an adapter of the real gateway (memory transport, hand-moved clock)
 * is another, and meets the same moves, client and checks.
 */
export interface GatewaySide {
  connected(connection: number): void;
  /** Takes these in one go; how many of them: fewer where it does not read on now. */
  receive(connection: number, messages: readonly DataMessage[]): number;
  /** The client has said its last word on this connection, and goes on listening. */
  halfClosed(connection: number): void;
  /** The gateway learns that the connection is gone. */
  lost(connection: number): void;
  /** What it wrote since last asked, in order. */
  written(connection: number): readonly DataMessage[];
  /** Whether it has ended the connection, behind what it wrote; refused, it never took it. */
  standing(connection: number): 'open' | 'ended' | 'refused';
  /** Takes at most `limit` messages and Gaps from the outbox, as a send loop does. */
  pump(limit: number): void;
  /** Writes an ACK of its own now, if it owes one. */
  acknowledge(): void;
  advance(ms: number): void;
  /** Its time, in milliseconds since it began. */
  now(): number;
  drain(deadlineMs: number): void;
  /** Grants another window: at once, or from the next attachment on. */
  changeWindow(change: Size): void;
  /** More is buffered than may be, by others; or no longer. */
  overBudget(isOver: boolean): void;
  /** A session of another client loses its connection, and one detached session is all there is room for. */
  crowd(): void;

  routeHandling(): readonly DataMessage[] | undefined;
  /** Of several, the one of this number (modulo). Resolves when what follows from it has happened. */
  routeFinishes(accepted: boolean, which?: number): void | Promise<void>;
  routeSends(pieces: readonly DataMessage[]): void;
  routeEnds(): void;

  session(): SessionView | undefined;
  /** Sessions, records of ended ones, attachments: 0 when nothing remains. */
  remains(): number;
  /** Summed over the sessions that have ended. */
  endedTotals(): { readonly up: FlowCounters; readonly down: FlowCounters };
  /** Throws where what it holds, counts and allows do not agree. */
  audit(): void;
  /** Resolves when all promises were looked at that it gave to its route; rejects where one was broken. */
  settled(): Promise<void>;
}

import { OverflowPolicy } from '../../../src/wire/messages.js';
import type { WorldOptions } from './contract.js';
import type { Script } from './script.js';

/** One rule of docs/protocol.md, as what is done and what must come out. */
export interface Case {
  readonly name: string;
  readonly options?: Partial<WorldOptions>;
  /** `expect` compares all that was written to a connection since it was last asked. */
  readonly run: (
    script: Script,
    expect: (connection: number, ...written: readonly string[]) => void,
  ) => void | Promise<void>;
}

const close = { action: 'close' } as const;
const pause = { action: 'pause', reason: '' } as const;

export const cases: readonly Case[] = [
  {
    name: 'a lost Opened: the client resumes with the token it brought, nothing is opened twice',
    run(script, expect) {
      script.open(1, 7, { attempt: 1 });
      script.data(1, 1);
      script.gateway.lost(1);
      script.resume(2, 7, 0, { attempt: 2 });
      expect(2, 'OPENED resumed received 1 ack 0', 'ACK 0');
    },
  },
  {
    name: 'a lost Open: the token is dead, and a late Open with it creates nothing',
    run(script, expect) {
      script.resume(2, 7, 0, { attempt: 2 });
      expect(2, 'OPENED gone');
      script.open(1, 7, { attempt: 1 });
      expect(1, 'CLOSED TAKEN_OVER ack 0');
      script.open(2, 7, { attempt: 3 });
      expect(2, 'OPENED gone');
      script.resume(1, 7, 0, { attempt: 2 });
      expect(1, 'CLOSED TAKEN_OVER ack 0');
      script.open(2, 8, { attempt: 1 });
      expect(2, 'OPENED fresh received 0 ack 0');
    },
  },
  {
    name: 'a lost Error is told again before any ack that covers it',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.data(1, 2);
      script.data(1, 3);
      await script.finish(true, false, true);
      script.gateway.lost(1);
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 3 ack 1', 'ERROR 2', 'ACK 3');
    },
  },
  {
    name: 'an Error a window behind is settled, and forgotten',
    async run(script, expect) {
      script.open(1, 7);
      for (let sequence = 1; sequence <= 4; sequence += 1) {
        script.data(1, sequence);
        await script.finish(sequence > 1);
        script.gateway.acknowledge();
      }
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 4 ack 4', 'ACK 4');
    },
  },
  {
    name: 'an Error is kept as long as a message sent under an older, larger window may not know of it',
    options: { upWindow: { messages: 6, bytes: 60 } },
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      await script.finish(false);
      script.gateway.changeWindow({ messages: 3, bytes: 0 });
      for (let sequence = 2; sequence <= 6; sequence += 1) script.data(1, sequence);
      expect(1, 'OPENED fresh received 0 ack 0', 'ERROR 1', 'WINDOW 3/0');
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 6 ack 0', 'ERROR 1', 'ACK 1');
    },
  },
  {
    name: 'takeover: the newest attachment wins, what the older one still brings is discarded',
    run(script, expect) {
      script.open(1, 7, { attempt: 1 });
      script.sends(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      script.resume(2, 7, 0, { attempt: 3 });
      expect(1, 'CLOSED TAKEN_OVER ack 0');
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0', 'DATA 1 ack 0');
      script.ack(1, 1);
      script.data(1, 1);
      script.control(1, close);
      script.resume(3, 7, 0, { attempt: 2 });
      expect(3, 'CLOSED TAKEN_OVER ack 0');
      script.sends(1);
      expect(2, 'DATA 2 ack 0');
    },
  },
  {
    name: 'a wrong token is denied, a fresh Open for an attached session is refused, both change nothing',
    run(script, expect) {
      script.open(1, 7);
      script.resume(2, 8, 0);
      script.open(2, 9);
      script.resume(2, 9, 0);
      expect(
        2,
        'CLOSED PERMISSION_DENIED ack 0',
        'CLOSED SESSION_IN_USE ack 0',
        'CLOSED PERMISSION_DENIED ack 0',
      );
      script.sends(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
    },
  },
  {
    name: 'a fresh Open replaces a detached session, whose token is dead then',
    run(script, expect) {
      script.open(1, 7);
      script.sends(2);
      script.gateway.lost(1);
      script.open(2, 7);
      expect(2, 'CLOSED SESSION_IN_USE ack 0');
      script.open(2, 8);
      script.resume(3, 7, 0);
      expect(2, 'OPENED fresh received 0 ack 0');
      expect(3, 'OPENED gone');
    },
  },
  {
    name: 'a session opened twice on one connection ends INVALID_MESSAGE',
    run(script, expect) {
      script.open(1, 7);
      script.resume(1, 7, 0);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED INVALID_MESSAGE ack 0');
    },
  },
  {
    name: 'expiry: for the resume window the session waits, then it is gone, and so is its token',
    run(script, expect) {
      script.gateway.advance(1000);
      script.open(1, 7);
      script.gateway.lost(1);
      script.gateway.advance(99);
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0');
      script.gateway.lost(2);
      script.gateway.advance(100);
      script.resume(3, 7, 0);
      expect(3, 'OPENED gone');
    },
  },
  {
    name: 'drops between what is delivered are one Gap, in its place, for which there must be room',
    options: { policy: OverflowPolicy.DROP_OLDEST, waitingBound: { messages: 2, bytes: 60 } },
    run(script, expect) {
      script.open(1, 7);
      script.sends(2);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0');
      script.sends(1);
      expect(1, 'DATA 3 ack 0');
      script.sends(9);
      expect(1);
      script.ack(1, 1);
      expect(1, 'GAP 4-10 overflow', 'DATA 11 ack 0');
      script.ack(1, 11);
      expect(1, 'DATA 12 ack 0');
    },
  },
  {
    name: 'a client that never acknowledges is not flooded with Gaps',
    options: { policy: OverflowPolicy.DROP_OLDEST, waitingBound: { messages: 1, bytes: 60 } },
    run(script, expect) {
      script.open(1, 7);
      script.sends(1, { data: new Uint8Array(40) });
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      // There is room in the window, but not for these: each drops the one before it.
      for (let i = 0; i < 5; i += 1) {
        script.sends(1, { data: new Uint8Array(30) });
        expect(1);
      }
      script.ack(1, 1);
      expect(1, 'GAP 2-5 overflow', 'DATA 6 ack 0');
    },
  },
  {
    name: 'a paused client gets neither messages nor Gaps; it counts for the attachment alone',
    options: { policy: OverflowPolicy.DROP_NEWEST },
    run(script, expect) {
      script.open(1, 7);
      script.control(1, pause);
      script.sends(4);
      expect(1, 'OPENED fresh received 0 ack 0');
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.ack(2, 1);
      expect(2, 'GAP 4-4 overflow');
    },
  },
  {
    name: 'a Gap that may be lost is repeated, one that was received is not, adjoining ones come as one',
    options: { policy: OverflowPolicy.CONFLATE },
    run(script, expect) {
      script.open(1, 7);
      script.control(1, pause);
      script.sends(3, { key: 'k' });
      script.control(1, { action: 'resume' });
      expect(1, 'OPENED fresh received 0 ack 0', 'GAP 1-2 overflow', 'DATA 3 ack 0');
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0', 'GAP 1-2 overflow', 'DATA 3 ack 0');
      script.resume(3, 7, 2);
      expect(3, 'OPENED resumed received 0 ack 0', 'ACK 0', 'DATA 3 ack 0');
    },
  },
  {
    name: 'a client that comes back from before its own acks is told what is no longer held',
    run(script, expect) {
      script.open(1, 7);
      script.sends(3);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.ack(1, 2);
      script.resume(2, 7, 1);
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0', 'GAP 2-2 RESUME_EXPIRED', 'DATA 3 ack 0');
      script.resume(3, 7, 4);
      expect(3, 'CLOSED INVALID_MESSAGE ack 0');
    },
  },
  {
    name: 'what is sent again takes no room from what waits, is not dropped, and does not expire',
    options: { policy: OverflowPolicy.DROP_OLDEST },
    run(script, expect) {
      script.open(1, 7);
      script.sends(3, { ttlMs: 10 });
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.gateway.lost(1);
      script.gateway.advance(20);
      script.sends(3);
      script.resume(2, 7, 0, { windowMessages: 1 });
      script.sends(1);
      expect(2, 'OPENED resumed received 0 ack 0', 'ACK 0', 'DATA 1 ack 0');
      script.ack(2, 1);
      expect(2, 'DATA 2 ack 0');
      script.ack(2, 2);
      expect(2, 'DATA 3 ack 0');
      script.ack(2, 3);
      expect(2, 'GAP 4-4 overflow', 'DATA 5 ack 0');
    },
  },
  {
    name: 'a payload under way is finished; one that waits is dropped whole',
    options: { policy: OverflowPolicy.DROP_OLDEST },
    run(script, expect) {
      script.open(1, 7);
      script.sends(2);
      script.sendsPayload(2);
      script.sendsPayload(2);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.sends(1);
      script.ack(1, 3);
      expect(1, 'DATA 4 ack 0', 'GAP 5-6 overflow', 'DATA 7 ack 0');
    },
  },
  {
    name: "Close: what was sent is handled, the route's answers are delivered, all is acknowledged, then Closed",
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.control(1, close);
      script.sends(1);
      await script.finish(true);
      script.sends(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      script.control(1, close);
      script.ack(1, 1);
      expect(1, 'CLOSED as asked ack 1');
      script.resume(2, 7, 1);
      expect(2, 'CLOSED as asked ack 1');
    },
  },
  {
    name: 'a closing session waits for its route as long as that takes, for its client the resume window',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.control(1, close);
      script.gateway.advance(500);
      script.sends(1);
      await script.finish(true);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      script.gateway.advance(60);
      // Nothing new is said here, so it is no progress.
      script.ack(1, 0);
      script.control(1, close);
      script.gateway.advance(40);
      expect(1, 'CLOSED SLOW_CONSUMER ack 1');
    },
  },
  {
    name: 'a session its route ended is resumable until all was acknowledged, Gaps included',
    options: { policy: OverflowPolicy.CONFLATE },
    run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.control(1, pause);
      script.sends(1, { ttlMs: 5 });
      script.gateway.advance(5);
      script.gateway.routeEnds();
      script.control(1, { action: 'resume' });
      expect(1, 'OPENED fresh received 0 ack 0', 'GAP 1-1 expired');
      script.resume(2, 7, 0);
      expect(2, 'OPENED resumed received 1 ack 0', 'ACK 0', 'GAP 1-1 expired');
      script.data(2, 2);
      script.ack(2, 1);
      expect(2, 'CLOSED as asked ack 0');
    },
  },
  {
    name: 'drain: fresh Opens are refused, resumes are not; at the deadline a Gap for what was never sent',
    run(script, expect) {
      script.open(1, 7);
      script.sends(6);
      script.gateway.drain(50);
      script.open(2, 8);
      expect(2, 'DRAIN', 'CLOSED DRAINING ack 0');
      script.resume(3, 7, 0);
      expect(
        3,
        ...['DRAIN', 'OPENED resumed received 0 ack 0', 'ACK 0'],
        ...['DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0'],
      );
      script.gateway.advance(50);
      expect(3, 'GAP 4-6 drained', 'CLOSED DRAINING ack 0');
    },
  },
  {
    name: 'drain: a session with nothing left to do is closed at once',
    run(script, expect) {
      script.open(1, 7);
      script.sends(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      script.gateway.drain(50);
      expect(1, 'DRAIN');
      script.ack(1, 1);
      expect(1, 'CLOSED DRAINING ack 0');
    },
  },
  {
    name: 'dishonest: more than the window',
    run(script, expect) {
      script.open(1, 7);
      for (let sequence = 1; sequence <= 4; sequence += 1) script.data(1, sequence);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED WINDOW_EXCEEDED ack 0');
    },
  },
  {
    name: 'dishonest: more bytes than the window; one message alone always fits',
    run(script, expect) {
      script.open(1, 7);
      script.data(1, 1, 60);
      script.data(1, 2, 1);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED WINDOW_EXCEEDED ack 0');
    },
  },
  {
    name: 'dishonest: what the route finished counts as in flight until the ack is written',
    async run(script, expect) {
      script.open(1, 7);
      for (let sequence = 1; sequence <= 3; sequence += 1) script.data(1, sequence);
      // No more: for half a window an ack is written at once.
      await script.finish(true);
      script.data(1, 4);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED WINDOW_EXCEEDED ack 1');
    },
  },
  {
    name: 'a shrunk window convicts nobody in this attachment',
    run(script, expect) {
      script.open(1, 7);
      script.gateway.changeWindow({ messages: 1, bytes: 0 });
      for (let sequence = 1; sequence <= 3; sequence += 1) script.data(1, sequence);
      expect(1, 'OPENED fresh received 0 ack 0', 'WINDOW 1/0');
    },
  },
  {
    name: 'dishonest: a jump, an ack of what was never sent, DATA behind Close, DATA without a number',
    run(script, expect) {
      script.open(1, 1);
      script.data(1, 2);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED SEQUENCE_GAP ack 0');
      script.open(1, 2);
      script.ack(1, 1);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED INVALID_MESSAGE ack 0');
      script.open(1, 3);
      script.data(1, 1);
      script.control(1, close);
      script.data(1, 2);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED INVALID_MESSAGE ack 0');
      script.open(1, 4);
      script.data(1, 0);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED INVALID_MESSAGE ack 0');
    },
  },
  {
    name: 'a duplicate is refused and answered with the ack',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      await script.finish(true);
      script.gateway.acknowledge();
      expect(1, 'OPENED fresh received 0 ack 0', 'ACK 1');
      script.data(1, 1);
      script.gateway.acknowledge();
      expect(1, 'ACK 1');
      script.gateway.acknowledge();
      expect(1);
    },
  },
  {
    name: 'dishonest: a payload that fills the window unfinished, for a route that wants it whole',
    options: { wantsWhole: true },
    run(script, expect) {
      script.open(1, 7);
      for (let sequence = 1; sequence <= 3; sequence += 1) script.data(1, sequence, 4, true);
      expect(1, 'OPENED fresh received 0 ack 0', 'CLOSED MESSAGE_TOO_LARGE ack 0');
    },
  },
  {
    name: 'disconnect: the session that is not taken from ends, and what was sent before it is not taken back',
    options: { policy: OverflowPolicy.DISCONNECT },
    run(script, expect) {
      script.open(1, 7);
      script.sends(3);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.sends(4);
      expect(1, 'CLOSED SLOW_CONSUMER ack 0');
      script.resume(2, 7, 3);
      expect(2, 'CLOSED SLOW_CONSUMER ack 0');
    },
  },
  {
    name: 'above the budget no ack rises and sends wait; below it both go on',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.gateway.overBudget(true);
      await script.finish(true);
      script.data(1, 1);
      script.gateway.acknowledge();
      script.sends(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'PAUSE', 'ACK 0');
      script.gateway.overBudget(false);
      expect(1, 'RESUME', 'DATA 1 ack 1');
    },
  },
  {
    name: 'a detached session that has to make room for another is gone, and its token dead',
    run(script, expect) {
      script.open(1, 7);
      script.gateway.lost(1);
      script.gateway.crowd();
      script.resume(2, 7, 0);
      script.open(2, 7);
      expect(2, 'OPENED gone', 'OPENED gone');
    },
  },
  {
    name: 'block: what waits to be taken goes on as soon as there is room, not only when something is acknowledged',
    run(script, expect) {
      script.open(1, 7, { windowMessages: 6 });
      script.control(1, pause);
      script.sends(5);
      expect(1, 'OPENED fresh received 0 ack 0');
      script.control(1, { action: 'resume' });
      expect(1, ...[1, 2, 3, 4, 5].map((sequence) => `DATA ${sequence} ack 0`));
    },
  },
  {
    name: 'Close waits for the sends that the budget holds back',
    run(script, expect) {
      script.open(1, 7);
      script.gateway.overBudget(true);
      script.sends(1);
      script.control(1, close);
      expect(1, 'OPENED fresh received 0 ack 0', 'PAUSE');
      script.gateway.overBudget(false);
      expect(1, 'RESUME', 'DATA 1 ack 0');
      script.ack(1, 1);
      expect(1, 'CLOSED as asked ack 0');
    },
  },
  {
    name: 'drain: a session without anything to do is closed with the notice',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      await script.finish(true);
      script.gateway.drain(50);
      expect(1, 'OPENED fresh received 0 ack 0', 'DRAIN', 'CLOSED DRAINING ack 1');
      script.resume(1, 7, 0);
      expect(1, 'CLOSED DRAINING ack 1');
    },
  },
  {
    name: 'half-closed: what came is handled, what the window lets out is sent, then the session waits to be resumed',
    async run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.control(1, pause);
      script.sends(4);
      script.gateway.halfClosed(1);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      await script.finish(true);
      expect(1, 'ACK 1');
      script.resume(2, 7, 3);
      script.ack(2, 3);
      expect(2, 'OPENED resumed received 1 ack 1', 'ACK 1', 'DATA 4 ack 1');
      expect(1);
    },
  },
  {
    name: 'half-closed: who would wait for acks that can not come is detached as it is',
    run(script, expect) {
      script.open(1, 7);
      script.data(1, 1);
      script.sends(3);
      script.sends(4);
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0');
      script.gateway.halfClosed(1);
      script.gateway.standing(1);
      script.resume(2, 7, 3);
      expect(2, 'OPENED resumed received 1 ack 0', 'ACK 0');
      expect(1);
    },
  },
  {
    name: 'a Gap waits until there is room for what is behind it',
    options: { policy: OverflowPolicy.CONFLATE },
    run(script, expect) {
      script.open(1, 7, { windowMessages: 1 });
      script.control(1, pause);
      script.sends(1);
      script.sends(2, { key: 'k' });
      script.control(1, { action: 'resume' });
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0');
      script.ack(1, 1);
      expect(1, 'GAP 2-2 overflow', 'DATA 3 ack 0');
    },
  },
  {
    name: 'a closing session whose client gets on, however slowly, is waited for',
    run(script, expect) {
      script.open(1, 7);
      script.sends(3);
      script.control(1, close);
      for (let sequence = 1; sequence <= 3; sequence += 1) {
        script.gateway.advance(60);
        script.ack(1, sequence);
      }
      expect(
        1,
        ...['OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'DATA 2 ack 0', 'DATA 3 ack 0'],
        'CLOSED as asked ack 0',
      );
    },
  },
  {
    name: 'drain: at the deadline also what an older connection was sent is given up, in one Gap with what was lost before',
    run(script, expect) {
      script.open(1, 7);
      script.sends(1);
      script.control(1, pause);
      script.sends(1, { ttlMs: 5 });
      script.sends(1);
      script.gateway.advance(5);
      script.control(1, { action: 'resume' });
      expect(1, 'OPENED fresh received 0 ack 0', 'DATA 1 ack 0', 'GAP 2-2 expired', 'DATA 3 ack 0');
      script.resume(2, 7, 0, { windowMessages: 1 });
      script.gateway.drain(50);
      script.gateway.advance(50);
      expect(
        2,
        ...['OPENED resumed received 0 ack 0', 'ACK 0', 'DATA 1 ack 0'],
        ...['DRAIN', 'GAP 2-3 expired', 'CLOSED DRAINING ack 0'],
      );
    },
  },
  {
    name: 'an ack that the budget held back comes by itself when there is room again',
    options: { ackDelayMs: 5 },
    async run(script, expect) {
      script.open(1, 7);
      script.gateway.overBudget(true);
      script.data(1, 1);
      await script.finish(true);
      script.gateway.advance(5);
      expect(1, 'OPENED fresh received 0 ack 0', 'PAUSE');
      script.gateway.overBudget(false);
      script.gateway.advance(5);
      expect(1, 'RESUME', 'ACK 1');
    },
  },
  {
    name: 'what waited while too many answers were unwritten goes on when they are',
    options: { upWindow: { messages: 8, bytes: 100 } },
    async run(script, expect) {
      script.open(1, 7);
      expect(1, 'OPENED fresh received 0 ack 0');
      script.dataWhileHeld(1, 1, 2, 3, 4);
      await script.finish(false, false, false);
      expect(1, 'ERROR 1', 'ERROR 2', 'ERROR 3');
      await script.finish(true);
      script.gateway.acknowledge();
      expect(1, 'ACK 4');
    },
  },
];

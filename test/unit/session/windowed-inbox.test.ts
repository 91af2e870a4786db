import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { Inbox } from '../../../src/session/windowed/inbox.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';

interface Options {
  readonly wantsWhole?: boolean;
  readonly maxPayloadBytes?: number;
  readonly window?: { readonly messages: number; readonly bytes: number };
}

function newInbox({ wantsWhole = false, maxPayloadBytes = 1000, window }: Options = {}): {
  inbox: Inbox;
  counters: FlowCounters;
} {
  const counters = new FlowCounters();
  const inbox = new Inbox({ wantsWhole, maxPayloadBytes, counters, total: new FlowCounters() });
  inbox.attach(window ?? { messages: 4, bytes: 100 });
  return { inbox, counters };
}

const message = (sequence: number, text = 'x', fields: Partial<DataMessage> = {}): DataMessage =>
  dataMessage({ sequence, data: Buffer.from(text), ...fields });

const piece = (sequence: number, text: string): DataMessage => message(sequence, text, { more: true });

/** Everything received is accepted, in order. */
function acceptAll(inbox: Inbox): void {
  while (inbox.handling() !== undefined) inbox.accept();
}

const fail = (inbox: Inbox): void => {
  inbox.handling();
  inbox.fail('ROUTE_FAILED', 'no', 0);
};

describe('Inbox', () => {
  it('takes each sequence after the one before', () => {
    const { inbox, counters } = newInbox();
    expect(inbox.receive(message(1))).toBe('admitted');
    expect(inbox.receive(message(2))).toBe('admitted');
    expect([inbox.received, inbox.finished, counters.admitted]).toEqual([2, 0, 2]);
  });

  it('judges duplicates by the last received, not by what was finished', () => {
    const { inbox, counters } = newInbox();
    inbox.receive(message(1));
    inbox.receive(message(2));
    expect(inbox.receive(message(2))).toBe('duplicate');
    expect(inbox.receive(message(1))).toBe('duplicate');
    expect(counters.admitted).toBe(2);
  });

  it('a jump is SEQUENCE_GAP, no sequence at all INVALID_MESSAGE', () => {
    const { inbox } = newInbox();
    inbox.receive(message(1));
    expect(inbox.receive(message(3))).toBe('SEQUENCE_GAP');
    expect(inbox.receive(message(0))).toBe('INVALID_MESSAGE');
    expect(inbox.received).toBe(1);
  });

  it('acknowledges only what the route has finished with', () => {
    const { inbox, counters } = newInbox();
    inbox.receive(message(1));
    inbox.receive(message(2));
    expect(inbox.tell()).toBe(0);
    expect(inbox.handling()?.sequence).toBe(1);
    expect(inbox.tell()).toBe(0);
    inbox.accept();
    expect(inbox.tell()).toBe(1);
    fail(inbox);
    expect(inbox.tell()).toBe(2);
    expect(counters.delivered).toBe(2);
  });

  describe('window', () => {
    it('in messages: more than it in flight is WINDOW_EXCEEDED, and only an ack makes room', () => {
      const { inbox } = newInbox({ window: { messages: 2, bytes: 100 } });
      inbox.receive(message(1));
      inbox.receive(message(2));
      acceptAll(inbox);
      expect(inbox.receive(message(3))).toBe('WINDOW_EXCEEDED');
      inbox.tell();
      expect(inbox.receive(message(3))).toBe('admitted');
    });

    it('in bytes of data, key and metadata', () => {
      const { inbox } = newInbox({ window: { messages: 9, bytes: 10 } });
      inbox.receive(message(1, 'abcd', { key: 'ke', metadata: new Map([['n', '1']]) }));
      expect(inbox.pending).toMatchObject({ messages: 1, bytes: 8 });
      expect(inbox.receive(message(2, 'abc'))).toBe('WINDOW_EXCEEDED');
      expect(inbox.receive(message(2, 'ab'))).toBe('admitted');
    });

    it('one message always fits when nothing is in flight', () => {
      const { inbox } = newInbox({ window: { messages: 1, bytes: 1 } });
      expect(inbox.receive(message(1, 'much too large'))).toBe('admitted');
    });

    it('the largest granted in this attachment is enforced: shrinking never convicts', () => {
      const { inbox } = newInbox({ window: { messages: 3, bytes: 100 } });
      inbox.changeWindow({ messages: 1, bytes: 0 });
      expect(inbox.granted).toEqual({ messages: 1, bytes: 100 });
      for (const sequence of [1, 2, 3]) expect(inbox.receive(message(sequence))).toBe('admitted');
      expect(inbox.receive(message(4))).toBe('WINDOW_EXCEEDED');
      inbox.attach({ messages: 1, bytes: 100 });
      acceptAll(inbox);
      inbox.tell();
      expect(inbox.receive(message(4))).toBe('admitted');
      expect(inbox.receive(message(5))).toBe('WINDOW_EXCEEDED');
    });

    it('an ack is due at half of it, in messages or in bytes', () => {
      const { inbox } = newInbox({ window: { messages: 4, bytes: 100 } });
      inbox.receive(message(1));
      inbox.receive(message(2));
      expect(inbox.ackDue).toBe(false);
      inbox.handling();
      inbox.accept();
      expect(inbox.ackDue).toBe(false);
      acceptAll(inbox);
      expect(inbox.ackDue).toBe(true);
      inbox.tell();
      expect(inbox.ackDue).toBe(false);
      inbox.receive(message(3, 'x'.repeat(50)));
      expect(inbox.ackDue).toBe(false);
      acceptAll(inbox);
      expect(inbox.ackDue).toBe(true);
    });
  });

  describe("a route's failure", () => {
    it('is an Error naming the sequence, kept to be repeated, and spoken of before any ack of it', () => {
      const { inbox } = newInbox();
      for (const sequence of [1, 2, 3]) inbox.receive(message(sequence));
      inbox.handling();
      inbox.accept();
      inbox.handling();
      const error = inbox.fail('UPSTREAM_UNAVAILABLE', 'the backend is away', 250);
      expect(error).toEqual({
        action: 'error',
        code: 'UPSTREAM_UNAVAILABLE',
        message: 'the backend is away',
        sequence: 2,
        retryAfterMs: 250,
      });
      acceptAll(inbox);
      expect(inbox.errors).toEqual([error]);
      expect(inbox.finished).toBe(3);
      expect(inbox.ackBeforeErrors).toBe(1);
    });

    it('is forgotten when the client sends what is a window behind it', () => {
      const { inbox } = newInbox({ window: { messages: 2, bytes: 100 } });
      inbox.receive(message(1));
      fail(inbox);
      inbox.receive(message(2));
      fail(inbox);
      inbox.tell();
      expect(inbox.errors.map(({ sequence }) => sequence)).toEqual([1, 2]);
      inbox.receive(message(3));
      expect(inbox.errors.map(({ sequence }) => sequence)).toEqual([2]);
    });

    it('is kept by the largest window ever granted: a client can be as far back', () => {
      const { inbox } = newInbox({ window: { messages: 6, bytes: 100 } });
      inbox.receive(message(1));
      fail(inbox);
      inbox.attach({ messages: 2, bytes: 100 });
      inbox.changeWindow({ messages: 1, bytes: 0 });
      for (let sequence = 2; sequence <= 6; sequence += 1) {
        inbox.tell();
        inbox.receive(message(sequence));
        acceptAll(inbox);
      }
      expect(inbox.errors.map(({ sequence }) => sequence)).toEqual([1]);
      inbox.tell();
      inbox.receive(message(7));
      expect(inbox.errors).toEqual([]);
    });
  });

  describe('payloads over several messages', () => {
    it('reach a route that does not want them whole piece by piece', () => {
      const { inbox } = newInbox();
      inbox.receive(piece(1, 'a'));
      expect(inbox.handling()).toMatchObject({ sequence: 1, more: true });
      inbox.accept();
      expect(inbox.tell()).toBe(1);
    });

    it('reach one that does as one message, with the head of the first piece and the sequence of the last', () => {
      const { inbox, counters } = newInbox({ wantsWhole: true });
      const metadata = new Map([['n', '1']]);
      inbox.receive(message(1, 'ab', { more: true, key: 'k', metadata, timestampMs: 7 }));
      inbox.receive(piece(2, 'cd'));
      expect(inbox.handling()).toBeUndefined();
      inbox.receive(message(3, 'e'));
      inbox.receive(message(4, 'next'));
      const whole = inbox.handling();
      expect(whole).toMatchObject({ sequence: 3, more: false, key: 'k', metadata, timestampMs: 7 });
      expect(Buffer.from(whole?.data ?? []).toString()).toBe('abcde');
      expect(inbox.handling()).toBe(whole);
      expect(inbox.pending.messages).toBe(4);
      // Acknowledged with the last piece.
      expect(inbox.tell()).toBe(0);
      inbox.accept();
      expect(inbox.tell()).toBe(3);
      expect(counters.delivered).toBe(3);
      expect(inbox.handling()).toMatchObject({ sequence: 4 });
    });

    it('one that fails is one Error, naming its last piece', () => {
      const { inbox } = newInbox({ wantsWhole: true });
      inbox.receive(piece(1, 'a'));
      inbox.receive(message(2, 'b'));
      fail(inbox);
      expect(inbox.errors.map(({ sequence }) => sequence)).toEqual([2]);
    });

    it('one that fills the window unfinished is MESSAGE_TOO_LARGE, in pieces or in bytes', () => {
      const pieces = newInbox({ wantsWhole: true, window: { messages: 2, bytes: 100 } }).inbox;
      expect(pieces.receive(piece(1, 'a'))).toBe('admitted');
      expect(pieces.receive(piece(2, 'b'))).toBe('MESSAGE_TOO_LARGE');
      const bytes = newInbox({ wantsWhole: true, window: { messages: 9, bytes: 4 } }).inbox;
      expect(bytes.receive(piece(1, 'ab'))).toBe('admitted');
      expect(bytes.receive(piece(2, 'cd'))).toBe('MESSAGE_TOO_LARGE');
      const ended = newInbox({ wantsWhole: true, window: { messages: 2, bytes: 4 } }).inbox;
      expect(ended.receive(piece(1, 'ab'))).toBe('admitted');
      expect(ended.receive(message(2, 'cd'))).toBe('admitted');
    });

    it('one above maxPayloadBytes is MESSAGE_TOO_LARGE for any route', () => {
      const { inbox } = newInbox({ maxPayloadBytes: 5 });
      expect(inbox.receive(piece(1, 'abc'))).toBe('admitted');
      acceptAll(inbox);
      expect(inbox.receive(message(2, 'def'))).toBe('MESSAGE_TOO_LARGE');
    });
  });

  it('drops at the end what the route was not done with, counted', () => {
    const { inbox, counters } = newInbox({ wantsWhole: true });
    inbox.receive(message(1));
    inbox.receive(message(2));
    inbox.receive(piece(3, 'a'));
    inbox.handling();
    inbox.accept();
    inbox.handling();
    inbox.discard('session-expired');
    expect(counters.droppedBy['session-expired']).toBe(2);
    expect(counters.pending).toBe(0);
    expect(inbox.pending).toMatchObject({ messages: 0, bytes: 0 });
    expect(inbox.handling()).toBeUndefined();
  });

  it('set aside, what the route has is finished first, and forgotten when the session has ended', () => {
    const { inbox, counters } = newInbox();
    for (let n = 1; n <= 3; n += 1) inbox.receive(message(n));
    expect(inbox.handling()?.sequence).toBe(1);
    inbox.setAside();
    expect(inbox.handling()?.sequence).toBe(2);
    inbox.accept();
    expect([inbox.finished, inbox.handling()?.sequence]).toEqual([1, 2]);
    inbox.setAside();
    inbox.discard('session-closed');
    inbox.accept();
    expect([inbox.finished, counters.delivered, counters.pending]).toEqual([1, 1, 0]);
  });
});

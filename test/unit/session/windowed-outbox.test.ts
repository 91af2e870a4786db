import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { Outbox } from '../../../src/session/windowed/outbox.js';
import { overflowOf, type Overflow } from '../../../src/session/overflow.js';
import { dataMessage, OverflowPolicy, type DataMessage } from '../../../src/wire/messages.js';

const ROOMY = { messages: 100, bytes: 10_000 };

function newOutbox(
  overflow: Overflow,
  bound = ROOMY,
  window = ROOMY,
): { outbox: Outbox; counters: FlowCounters } {
  const counters = new FlowCounters();
  const outbox = new Outbox({ sessionId: 's', overflow, bound, counters, total: new FlowCounters() });
  outbox.attach(0, window);
  return { outbox, counters };
}

const message = (name: string, fields: Partial<DataMessage> = {}): DataMessage =>
  dataMessage({ data: Buffer.from(name), ...fields });

const payload = (names: readonly string[], fields: Partial<DataMessage> = {}): DataMessage[] =>
  names.map((name, index) => message(name, { ...fields, more: index < names.length - 1 }));

/** What comes out, as `1:name` and `gap 2-3 reason`. */
function written(outbox: Outbox, nowMs = 0, maxMessages = Infinity, maxBytes = Infinity): string[] {
  const batch: DataMessage[] = [];
  outbox.take(batch, maxMessages, maxBytes, nowMs);
  return batch.map(({ sequence, data, control }) =>
    control?.action === 'gap'
      ? `gap ${control.fromSequence}-${control.toSequence} ${control.reason}`
      : `${sequence}:${Buffer.from(data).toString()}`,
  );
}

describe('Outbox', () => {
  it('gives a message its sequence when it enters, from 1', () => {
    const { outbox } = newOutbox('block');
    const [first, second] = [message('a'), message('b')];
    outbox.admit(first, 0);
    outbox.admit(second, 0);
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    expect(written(outbox)).toEqual(['1:a', '2:b']);
  });

  it('has no more in flight than the window holds, in messages', () => {
    const { outbox } = newOutbox('block', ROOMY, { messages: 2, bytes: 100 });
    for (const name of ['a', 'b', 'c']) outbox.admit(message(name), 0);
    expect(written(outbox)).toEqual(['1:a', '2:b']);
    expect(outbox.sendable).toBe(false);
    expect(outbox.ack(1)).toBe(true);
    expect(outbox.sendable).toBe(true);
    expect(written(outbox)).toEqual(['3:c']);
  });

  it('has no more in flight than the window holds, in bytes of data, key and metadata', () => {
    const { outbox } = newOutbox('block', ROOMY, { messages: 9, bytes: 10 });
    outbox.admit(message('abcd', { key: 'ke', metadata: new Map([['n', '1']]) }), 0);
    outbox.admit(message('abc'), 0);
    expect(written(outbox)).toEqual(['1:abcd']);
    expect(outbox.inFlight).toMatchObject({ messages: 1, bytes: 8 });
  });

  it('lets one message out when nothing is in flight, however large', () => {
    const { outbox } = newOutbox('block', { messages: 1, bytes: 1 }, { messages: 1, bytes: 1 });
    expect(outbox.admit(message('much too large'), 0)).toBe('taken');
    expect(written(outbox)).toEqual(['1:much too large']);
  });

  it('counts messages in flight, not differences of sequences', () => {
    const { outbox } = newOutbox('drop-oldest', { messages: 2, bytes: 99 }, { messages: 2, bytes: 99 });
    for (let i = 1; i <= 50; i += 1) outbox.admit(message('x'), 0);
    expect(written(outbox)).toEqual(['gap 1-48 overflow', '49:x', '50:x']);
  });

  it('lets out at most as much at a time as is asked for, one message at least', () => {
    const { outbox } = newOutbox('block');
    for (const name of ['aaaa', 'bbbb', 'cccc', 'dddd']) outbox.admit(message(name), 0);
    expect(written(outbox, 0, 1)).toEqual(['1:aaaa']);
    expect(written(outbox, 0, 9, 1)).toEqual(['2:bbbb']);
    expect(written(outbox, 0, 9, 5)).toEqual(['3:cccc', '4:dddd']);
  });

  it('keeps what is in flight for replay, and writes copies then', () => {
    const { outbox, counters } = newOutbox('block');
    const original = message('a');
    outbox.admit(original, 0);
    outbox.admit(message('b'), 0);
    const first: DataMessage[] = [];
    outbox.take(first, 1, 99, 0);
    expect(first[0]).toBe(original);
    expect(outbox.attach(0, ROOMY)).toBe(true);
    expect(outbox.inFlight.messages).toBe(0);
    const again: DataMessage[] = [];
    outbox.take(again, 9, 99, 0);
    expect(again[0]).toEqual(original);
    expect(again[0]).not.toBe(original);
    expect(counters.admitted).toBe(2);
  });

  it('goes on after the position of the client, which acknowledges nothing', () => {
    const { outbox, counters } = newOutbox('block');
    for (const name of ['a', 'b', 'c']) outbox.admit(message(name), 0);
    written(outbox);
    expect(outbox.attach(2, ROOMY)).toBe(true);
    expect(counters.delivered).toBe(0);
    expect(outbox.inFlight.messages).toBe(2);
    expect(written(outbox)).toEqual(['3:c']);
  });

  it('refuses a position and an ack above what was sent, and changes nothing', () => {
    const { outbox } = newOutbox('block');
    outbox.admit(message('a'), 0);
    outbox.admit(message('b'), 0);
    written(outbox, 0, 1);
    expect(outbox.attach(2, ROOMY)).toBe(false);
    expect(outbox.ack(2)).toBe(false);
    expect(outbox.acked).toBe(0);
    expect(written(outbox)).toEqual(['2:b']);
  });

  it('refuses an ack above what was sent in this attachment', () => {
    const { outbox } = newOutbox('block');
    outbox.admit(message('a'), 0);
    written(outbox);
    outbox.attach(0, ROOMY);
    expect(outbox.ack(1)).toBe(false);
    written(outbox);
    expect(outbox.ack(1)).toBe(true);
    expect(outbox.settled).toBe(true);
  });

  it('tells a client that resumes from before its acks what can not be replayed', () => {
    const { outbox } = newOutbox('block');
    for (const name of ['a', 'b', 'c']) outbox.admit(message(name), 0);
    written(outbox);
    outbox.ack(2);
    outbox.attach(0, ROOMY);
    expect(written(outbox)).toEqual(['gap 1-2 RESUME_EXPIRED', '3:c']);
    expect(outbox.ack(1)).toBe(true);
    expect(outbox.acked).toBe(2);
  });

  describe('overflow', () => {
    const two = { messages: 2, bytes: 99 };

    it('block: waits until what waited has gone', () => {
      const { outbox, counters } = newOutbox('block', two);
      outbox.admit(message('a'), 0);
      outbox.admit(message('b'), 0);
      const late = message('c');
      expect(outbox.admit(late, 0)).toBe('wait');
      expect([late.sequence, counters.admitted]).toEqual([0, 2]);
      written(outbox, 0, 1);
      expect(outbox.admit(late, 0)).toBe('taken');
      expect(written(outbox)).toEqual(['2:b', '3:c']);
    });

    it('drop-oldest: the oldest waiting goes, never what is in flight', () => {
      const { outbox, counters } = newOutbox('drop-oldest', two);
      outbox.admit(message('a'), 0);
      expect(written(outbox)).toEqual(['1:a']);
      for (const name of ['b', 'c', 'd']) outbox.admit(message(name), 0);
      expect(written(outbox)).toEqual(['gap 2-2 overflow', '3:c', '4:d']);
      expect(counters.droppedBy.overflow).toBe(1);
      expect(counters.pending).toBe(3);
    });

    it('drop-newest: the new one goes, with its number', () => {
      const { outbox, counters } = newOutbox('drop-newest', two);
      for (const name of ['a', 'b', 'c', 'd']) expect(outbox.admit(message(name), 0)).toBe('taken');
      expect(written(outbox)).toEqual(['1:a', '2:b', 'gap 3-4 overflow']);
      outbox.admit(message('e'), 0);
      expect(written(outbox)).toEqual(['5:e']);
      expect(counters.droppedBy.overflow).toBe(2);
    });

    it('conflate: the latest of a key stays, in its own place', () => {
      const { outbox } = newOutbox('conflate');
      for (const [key, name] of [
        ['x', 'x1'],
        ['y', 'y1'],
        ['x', 'x2'],
        ['', 'z'],
        ['', 'z'],
      ] as const)
        outbox.admit(message(name, { key }), 0);
      expect(written(outbox)).toEqual(['gap 1-1 overflow', '2:y1', '3:x2', '4:z', '5:z']);
      // What is in flight is not conflated.
      outbox.admit(message('x3', { key: 'x' }), 0);
      expect(written(outbox)).toEqual(['6:x3']);
    });

    it('conflate: full of distinct keys, the oldest goes', () => {
      const { outbox } = newOutbox('conflate', two);
      for (const key of ['x', 'y', 'z']) outbox.admit(message(key, { key }), 0);
      expect(written(outbox)).toEqual(['gap 1-1 overflow', '2:y', '3:z']);
    });

    it('disconnect: says so, and takes nothing', () => {
      const { outbox, counters } = newOutbox('disconnect', two);
      for (const name of ['a', 'b']) outbox.admit(message(name), 0);
      expect(outbox.admit(message('c'), 0)).toBe('disconnect');
      expect(counters.admitted).toBe(2);
    });

    it('is named by an Open', () => {
      expect(Object.values(OverflowPolicy).map(overflowOf)).toEqual([
        undefined,
        'block',
        'drop-oldest',
        'drop-newest',
        'conflate',
        'disconnect',
      ]);
      expect(overflowOf(77)).toBeUndefined();
    });
  });

  describe('gaps', () => {
    it('adjoining drops are one, whatever their reasons: the first names it', () => {
      const { outbox, counters } = newOutbox('drop-oldest', { messages: 2, bytes: 99 });
      outbox.admit(message('a'), 0);
      outbox.admit(message('b', { ttlMs: 10 }), 0);
      outbox.admit(message('c'), 0);
      expect(written(outbox, 10)).toEqual(['gap 1-2 overflow', '3:c']);
      expect(counters.droppedBy).toMatchObject({ overflow: 1, expired: 1 });
    });

    it('one starts right after the last sequence written', () => {
      const { outbox } = newOutbox('drop-newest', { messages: 1, bytes: 99 }, { messages: 2, bytes: 99 });
      outbox.admit(message('a'), 0);
      outbox.admit(message('b'), 0);
      expect(written(outbox)).toEqual(['1:a', 'gap 2-2 overflow']);
      outbox.admit(message('c'), 0);
      outbox.admit(message('d'), 0);
      expect(written(outbox)).toEqual(['3:c']);
      outbox.ack(3);
      expect(written(outbox)).toEqual(['gap 4-4 overflow']);
    });

    it('one is written only when the window has room for a message, and takes none', () => {
      const { outbox } = newOutbox('drop-oldest', { messages: 1, bytes: 99 }, { messages: 1, bytes: 99 });
      outbox.admit(message('a'), 0);
      written(outbox);
      outbox.admit(message('b'), 0);
      outbox.admit(message('c'), 0);
      expect(written(outbox)).toEqual([]);
      outbox.ack(1);
      expect(written(outbox)).toEqual(['gap 2-2 overflow', '3:c']);
    });

    it('one counts as sent for acks', () => {
      const { outbox, counters } = newOutbox('block');
      outbox.admit(message('a', { ttlMs: 5 }), 0);
      expect(outbox.settled).toBe(false);
      expect(written(outbox, 5)).toEqual(['gap 1-1 expired']);
      expect(outbox.ack(1)).toBe(true);
      expect(outbox.settled).toBe(true);
      expect(counters.delivered).toBe(0);
    });

    it('one is repeated after a resume, until acknowledged past', () => {
      const { outbox } = newOutbox('drop-oldest', { messages: 1, bytes: 99 });
      outbox.admit(message('a'), 0);
      outbox.admit(message('b'), 0);
      expect(written(outbox)).toEqual(['gap 1-1 overflow', '2:b']);
      outbox.attach(0, ROOMY);
      expect(written(outbox)).toEqual(['gap 1-1 overflow', '2:b']);
      outbox.attach(1, ROOMY);
      expect(written(outbox)).toEqual(['2:b']);
      outbox.ack(1);
      outbox.attach(1, ROOMY);
      expect(written(outbox)).toEqual(['2:b']);
    });

    it('after a resume two that adjoin are one, from the position of the client', () => {
      const { outbox } = newOutbox('drop-newest', { messages: 1, bytes: 99 }, { messages: 1, bytes: 99 });
      outbox.admit(message('a', { ttlMs: 5 }), 0);
      expect(written(outbox, 5)).toEqual(['gap 1-1 expired']);
      outbox.admit(message('b'), 5);
      outbox.admit(message('c'), 5);
      expect(written(outbox, 5)).toEqual(['2:b']);
      outbox.ack(2);
      expect(written(outbox, 5)).toEqual(['gap 3-3 overflow']);
      outbox.admit(message('d', { ttlMs: 5 }), 5);
      expect(written(outbox, 10)).toEqual(['gap 4-4 expired']);
      outbox.attach(2, ROOMY);
      expect(written(outbox, 10)).toEqual(['gap 3-4 overflow']);
    });
  });

  it('a time to live ends while a message waits, not when it is in flight', () => {
    const { outbox, counters } = newOutbox('block', ROOMY, { messages: 1, bytes: 99 });
    for (const [name, ttlMs] of [
      ['a', 10],
      ['b', 10],
      ['c', 0],
      ['d', 30],
      ['e', 20],
    ] as const)
      outbox.admit(message(name, { ttlMs }), 0);
    expect(written(outbox, 9)).toEqual(['1:a']);
    expect(written(outbox, 29)).toEqual([]);
    expect(counters.droppedBy.expired).toBe(2);
    expect(written(outbox, 30)).toEqual([]);
    expect(counters.droppedBy.expired).toBe(3);
    outbox.attach(0, ROOMY);
    expect(written(outbox, 99)).toEqual(['1:a', 'gap 2-2 expired', '3:c', 'gap 4-5 expired']);
  });

  describe('Window', () => {
    it('changes a part of the window; 0 leaves it', () => {
      const { outbox } = newOutbox('block', ROOMY, { messages: 1, bytes: 50 });
      for (const name of ['a', 'b', 'c', 'd']) outbox.admit(message(name), 0);
      expect(written(outbox)).toEqual(['1:a']);
      outbox.changeWindow({ messages: 3, bytes: 0 });
      expect(outbox.window).toEqual({ messages: 3, bytes: 50 });
      expect(written(outbox)).toEqual(['2:b', '3:c']);
      outbox.changeWindow({ messages: 1, bytes: 0 });
      outbox.ack(2);
      expect(written(outbox)).toEqual([]);
      outbox.ack(3);
      expect(written(outbox)).toEqual(['4:d']);
    });
  });

  describe('payloads over several messages', () => {
    it('are taken whole or not', () => {
      const { outbox } = newOutbox('block', { messages: 3, bytes: 99 });
      outbox.admitPieces(payload(['a1', 'a2']), 0);
      expect(outbox.admitPieces(payload(['b1', 'b2']), 0)).toBe('wait');
      expect(written(outbox)).toEqual(['1:a1', '2:a2']);
      expect(outbox.admitPieces([], 0)).toBe('taken');
      expect(outbox.assigned).toBe(2);
    });

    it('must fit the window and the bound', () => {
      const { outbox, counters } = newOutbox(
        'drop-oldest',
        { messages: 9, bytes: 8 },
        { messages: 2, bytes: 99 },
      );
      expect(outbox.admitPieces(payload(['a', 'b', 'c']), 0)).toBe('too-large');
      expect(outbox.admitPieces(payload(['aaaaa', 'bbbb']), 0)).toBe('too-large');
      expect(outbox.admitPieces(payload(['aaaa', 'bbbb']), 0)).toBe('taken');
      expect(counters.admitted).toBe(2);
    });

    it('are dropped, conflated and told as lost whole', () => {
      const { outbox, counters } = newOutbox('conflate');
      outbox.admitPieces(payload(['a1', 'a2'], { key: 'x' }), 0);
      outbox.admitPieces(payload(['b1', 'b2', 'b3'], { key: 'x' }), 0);
      expect(written(outbox)).toEqual(['gap 1-2 overflow', '3:b1', '4:b2', '5:b3']);
      expect(counters.droppedBy.overflow).toBe(2);
    });

    it('are not dropped any more once a piece was sent', () => {
      const { outbox, counters } = newOutbox(
        'drop-oldest',
        { messages: 2, bytes: 99 },
        { messages: 3, bytes: 99 },
      );
      outbox.admitPieces(payload(['a1', 'a2'], { ttlMs: 5 }), 0);
      expect(written(outbox, 0, 1)).toEqual(['1:a1']);
      expect(outbox.admitPieces(payload(['b1', 'b2']), 9)).toBe('wait');
      expect(written(outbox, 9)).toEqual(['2:a2']);
      expect(outbox.admitPieces(payload(['b1', 'b2']), 9)).toBe('taken');
      expect(counters.dropped).toBe(0);
    });
  });

  describe('views of what came in', () => {
    const chunk = (): Uint8Array => new Uint8Array(64 * 1024);
    const view = (): DataMessage => dataMessage({ data: chunk().subarray(0, 4) });

    const sizes = (...messages: DataMessage[]): number[] =>
      messages.map(({ data }) => data.buffer.byteLength);

    it('are copied when they were held at the call before and still are, each once', () => {
      const { outbox } = newOutbox('block');
      const [acked, sent, waiting, late] = [view(), view(), view(), view()];
      outbox.admit(acked, 0);
      outbox.admit(sent, 0);
      outbox.admit(waiting, 0);
      expect(outbox.detach()).toBe(true);
      expect(sizes(acked, sent, waiting)).toEqual([64 * 1024, 64 * 1024, 64 * 1024]);
      written(outbox, 0, 2);
      outbox.ack(1);
      outbox.admit(late, 0);
      expect(outbox.detach()).toBe(true);
      expect(sizes(acked, sent, waiting, late)).toEqual([64 * 1024, 4, 4, 64 * 1024]);
      const { data } = sent;
      expect(outbox.detach()).toBe(false);
      expect(sizes(late)).toEqual([4]);
      expect(sent.data).toBe(data);
    });

    it('are found though those before them were dropped or acknowledged meanwhile', () => {
      const { outbox } = newOutbox('drop-oldest', { messages: 1, bytes: 99 });
      const [dropped, kept] = [view(), view()];
      outbox.admit(dropped, 0);
      outbox.admit(kept, 0);
      outbox.detach();
      expect(outbox.detach()).toBe(false);
      expect(sizes(kept)).toEqual([4]);
      written(outbox);
      outbox.ack(2);
      const last = view();
      outbox.admit(last, 0);
      expect(outbox.detach()).toBe(true);
      expect(outbox.detach()).toBe(false);
      expect(sizes(last)).toEqual([4]);
    });
  });

  describe('the end', () => {
    it('writes off what was never sent, and drops what is held, counted', () => {
      const { outbox, counters } = newOutbox('block', ROOMY, { messages: 1, bytes: 99 });
      for (const name of ['a', 'b', 'c']) outbox.admit(message(name), 0);
      written(outbox);
      expect(outbox.writeOff('drained')).toMatchObject({
        sessionId: 's',
        control: { action: 'gap', fromSequence: 2, toSequence: 3, reason: 'drained' },
      });
      expect(outbox.writeOff('drained')).toBeUndefined();
      outbox.discard('drained');
      expect(counters.droppedBy.drained).toBe(3);
      expect(counters.pending).toBe(0);
      expect(outbox.held).toMatchObject({ messages: 0, bytes: 0 });
    });
  });
});

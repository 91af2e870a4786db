import { describe, expect, test } from 'vitest';
import type { GapNotice } from '../../../../src/client/message.js';
import { dataMessage } from '../../../../src/wire/messages.js';
import { fateOf, Peer, SESSION_ID } from './peer.js';

describe('reading', () => {
  test('acknowledges a message when the next is taken, one ACK a turn', async () => {
    const peer = new Peer().opens();
    peer.data(1).data(2).data(3);
    const { session } = peer;
    await session.receive();
    expect(peer.reads()).toEqual([]);
    await session.receive();
    await session.receive();
    expect(peer.reads()).toEqual(['ACK 2']);
    const last = session.receive();
    expect(peer.reads()).toEqual(['ACK 3']);
    peer.data(4);
    expect((await last)?.sequence).toBe(4);
  });

  test('by a loop: break leaves the last message unacknowledged, and the session open', async () => {
    const peer = new Peer().opens();
    peer.data(1).data(2);
    for await (const message of peer.session) if (message.sequence === 2) break;
    expect(peer.reads()).toEqual(['ACK 1']);
    peer.data(3);
    const next = await peer.session.receive();
    expect(next?.sequence).toBe(3);
    expect(peer.reads()).toEqual(['ACK 2']);
  });

  test('end acknowledges the last one where no loop is in the middle of it', async () => {
    const peer = new Peer().opens();
    peer.data(1);
    for await (const message of peer.session) {
      peer.session.end();
      expect(peer.reads()).toEqual(['CLOSE']);
      if (message.sequence === 1) break;
    }
    peer.opens();
    const other = new Peer().opens();
    other.data(1);
    for await (const _ of other.session) break;
    other.session.end();
    expect(other.reads()).toEqual(['ACK 1', 'CLOSE']);
  });

  test('one at a time: a second loop, and a second wait, are refused', async () => {
    const peer = new Peer().opens();
    const { session } = peer;
    const reading = session.receive();
    await expect(session.receive()).rejects.toThrow('being read already');
    peer.data(1).data(2).data(3);
    await reading;
    for await (const _ of session) {
      await expect(session[Symbol.asyncIterator]().next()).rejects.toThrow('being read already');
      break;
    }
    for await (const message of session) {
      expect(message.sequence).toBe(3);
      break;
    }
  });

  test('ends its wait by a signal, and loses nothing', async () => {
    const peer = new Peer().opens();
    const abort = new AbortController();
    const reading = peer.session.receive({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    peer.data(1);
    await expect(peer.session.receive({ signal: abort.signal })).rejects.toThrow('enough');
    const loop = async () => {
      const other = new AbortController();
      for await (const { text } of peer.session.messages({ signal: other.signal })) {
        expect(text).toBe('1');
        other.abort(new Error('stop'));
      }
    };
    await expect(loop()).rejects.toThrow('stop');
    // A loop that has failed is over: another may begin.
    peer.data(2);
    expect((await peer.session[Symbol.asyncIterator]().next()).value?.text).toBe('2');
  });

  test('gives text and bytes, key and metadata; text that is none is said so', async () => {
    const peer = new Peer().opens();
    peer.data(1, 'grüße', { key: 'k', metadata: new Map([['a', 'b']]), timestampMs: 5 });
    const message = await peer.session.receive();
    expect(message).toMatchObject({ text: 'grüße', key: 'k', sequence: 1, timestampMs: 5, more: false });
    expect(message?.metadata.get('a')).toBe('b');
    peer.attached.receive(dataMessage({ sessionId: SESSION_ID, sequence: 2, data: Uint8Array.of(0xff) }));
    const bytes = await peer.session.receive();
    expect(() => bytes?.text).toThrow(TypeError);
    expect(bytes?.metadata.size).toBe(0);
  });
});

describe('a payload of several messages', () => {
  test('is put together, and acknowledged with its last piece', async () => {
    const peer = new Peer().opens();
    const reading = peer.session.receive();
    peer.data(1, 'ab', { more: true, key: 'k' }).data(2, 'cd', { more: true });
    expect(await fateOf(reading)).toBe('pending');
    expect(peer.reads()).toEqual([]);
    peer.data(3, 'e').data(4, 'f');
    const payload = await reading;
    expect(payload).toMatchObject({ text: 'abcde', sequence: 3, key: 'k', more: false });
    await peer.session.receive();
    expect(peer.reads()).toEqual(['ACK 3']);
  });

  test('is given piece by piece where that was asked for', async () => {
    const peer = new Peer({ pieces: true }).opens();
    peer.data(1, 'ab', { more: true }).data(2, 'c');
    expect(await peer.session.receive()).toMatchObject({ text: 'ab', more: true, sequence: 1 });
    expect(await peer.session.receive()).toMatchObject({ text: 'c', more: false });
    expect(peer.reads()).toEqual(['ACK 1']);
  });

  test('whose rest would find no room is acknowledged in pieces', async () => {
    const peer = new Peer({ window: { messages: 4 } }).opens();
    const reading = peer.session.receive();
    peer.data(1, 'a', { more: true });
    expect(peer.reads()).toEqual([]);
    peer.data(2, 'b', { more: true });
    expect(peer.reads()).toEqual(['ACK 2']);
    for (let sequence = 3; sequence < 9; sequence += 1) {
      peer.data(sequence, `${sequence}`, { more: true });
      peer.reads();
    }
    peer.data(9, '!');
    expect((await reading)?.text).toBe('ab345678!');
  });

  test('that never ends is not held for ever', async () => {
    const peer = new Peer({ window: { bytes: 1 << 22 } }).opens();
    const reading = peer.session.receive();
    const data = new Uint8Array(4 << 20);
    for (let sequence = 1; sequence <= 17; sequence += 1) {
      peer.attached.receive(dataMessage({ sessionId: SESSION_ID, sequence, data, more: true }));
      peer.reads();
    }
    await expect(reading).rejects.toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: expect.stringContaining('pieces: true') as string,
    });
  });

  test('that a Gap cuts off is part of the Gap', async () => {
    const peer = new Peer().opens();
    peer.data(1).data(2, 'half', { more: true }).gap(3, 5).data(6, 'whole');
    await peer.session.receive();
    await expect(peer.session.receive()).rejects.toMatchObject({
      code: 'GAP',
      gap: { fromSequence: 2, toSequence: 5, reason: 'overflow' },
    });
    expect((await peer.session.receive())?.text).toBe('whole');
    expect(peer.reads()).toEqual(['ACK 5']);
  });

  test('that is not complete when the session ends is not given', async () => {
    const peer = new Peer().opens();
    peer.data(1).data(2, 'half', { more: true }).closes();
    expect(peer.session.stats.received).toBe(1);
    expect((await peer.session.receive())?.sequence).toBe(1);
    expect(await peer.session.receive()).toBeUndefined();
  });
});

describe('a gap', () => {
  test('is thrown at its place, once; reading goes on behind it', async () => {
    const peer = new Peer().opens();
    peer.data(1).gap(2, 4).data(5);
    const seen: unknown[] = [];
    const loop = async () => {
      for await (const { sequence } of peer.session) seen.push(sequence);
    };
    await expect(loop()).rejects.toMatchObject({
      code: 'GAP',
      gap: { fromSequence: 2, toSequence: 4, reason: 'overflow' },
    });
    expect(seen).toEqual([1]);
    expect(peer.reads()).toEqual(['ACK 4']);
    const again = loop();
    peer.closes();
    await again;
    expect(seen).toEqual([1, 5]);
  });

  test('is told to onGap at its place in the order', async () => {
    const seen: (number | GapNotice)[] = [];
    const peer = new Peer({ onGap: (gap) => seen.push(gap) }).opens();
    peer.data(1).gap(2, 2, 'expired').data(3).closes();
    expect(seen).toEqual([]);
    for await (const { sequence } of peer.session) seen.push(sequence);
    expect(seen).toEqual([1, { fromSequence: 2, toSequence: 2, reason: 'expired' }, 3]);
  });

  test('is not a place to read from: that would be a second reader', async () => {
    const fates: Promise<string>[] = [];
    const peer: Peer = new Peer({ onGap: () => void fates.push(fateOf(peer.session.receive())) }).opens();
    peer.gap(1, 1);
    const reading = peer.session.receive();
    peer.gap(2, 2).data(3);
    expect((await reading)?.sequence).toBe(3);
    expect(await Promise.all(fates)).toEqual(Array(2).fill(expect.stringContaining('being read already')));
  });

  test('leaves what follows to the next read, where the read is given up within onGap', async () => {
    const abort = new AbortController();
    const peer = new Peer({ onGap: () => abort.abort('enough') }).opens();
    const reading = fateOf(peer.session.receive({ signal: abort.signal }));
    peer.gap(1, 1).data(2);
    expect(await reading).toBe('enough');
    expect((await peer.session.receive())?.sequence).toBe(2);
  });

  test('is told to whoever waits', async () => {
    const peer = new Peer().opens();
    const reading = peer.session.receive();
    peer.gap(1, 3);
    await expect(reading).rejects.toMatchObject({ code: 'GAP' });
    peer.data(4);
    expect((await peer.session.receive())?.sequence).toBe(4);
  });
});

describe('a gateway that breaks the protocol', () => {
  test.each([
    ['a sequence that does not follow', (peer: Peer) => peer.data(2), 'sequence 2 does not follow 0'],
    ['a repetition', (peer: Peer) => peer.data(1).data(1), 'sequence 1 does not follow 1'],
    ['a Gap out of place', (peer: Peer) => peer.gap(3, 4), 'sequence 3 does not follow 0'],
    ['a Gap that ends before it begins', (peer: Peer) => peer.gap(1, 0), 'sequence 1 does not follow 0'],
    ['an ack of what was never sent', (peer: Peer) => peer.acks(1), 'acknowledged 1'],
    [
      'more messages than our window',
      (peer: Peer) => peer.data(1).data(2).data(3),
      '3 messages of 3 bytes are in flight, our window is 2 messages',
    ],
    [
      'more bytes than our window',
      (peer: Peer) => peer.data(1, 'x'.repeat(30)).data(2, 'y'.repeat(3)),
      'our window is 2 messages and 32 bytes',
    ],
    [
      'Gaps without end',
      (peer: Peer) => {
        for (let sequence = 1; sequence < 9; sequence += 1) peer.gap(sequence, sequence);
        return peer;
      },
      'Gaps wait to be read already',
    ],
  ])('by %s is told off, and the session ends', async (_what, breaks, message) => {
    const peer = new Peer({ window: { messages: 2, bytes: 32 } }).opens();
    breaks(peer);
    const { error } = await peer.session.closed;
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retry: 'never' });
    expect(error?.message).toContain(message);
    expect(peer.reads().at(-1)).toBe('CLOSE');
    await expect(peer.session.send('x')).rejects.toBe(error);
    // Whatever it says now changes nothing, until it goes.
    peer.data(7).acks(9).gap(1, 1);
    expect(peer.overs).toBe(0);
    peer.attached.detach();
    expect(peer.overs).toBe(1);
  });

  test('by DATA before Opened: there is nothing to close', async () => {
    const peer = new Peer().attach();
    peer.reads();
    peer.data(1);
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(peer.overs).toBe(1);
  });

  test.each([
    ['names what was never sent', { lastReceivedSequence: 3 }, 'Opened has received 3'],
    ['names less than it had acknowledged', { lastReceivedSequence: 0 }, 'Opened has received 0'],
    ['acknowledges more than it has', { lastReceivedSequence: 1, ack: 2 }, 'Opened acknowledges 2'],
    ['is fresh to a resume', { resumed: false, lastReceivedSequence: 1 }, 'resumed: false'],
  ])('by an Opened that %s', async (_what, answer, message) => {
    const peer = new Peer().opens();
    await peer.session.send('a');
    await peer.session.send('b');
    peer.reads();
    peer.acks(1);
    peer.attached.detach();
    peer.opens(answer);
    expect((await peer.session.closed).error?.message).toContain(message);
  });

  test('but not by what a later version may say', async () => {
    const peer = new Peer().opens();
    peer.says({ action: 'unknown', field: 99 }).says({ action: 'pause', reason: 'busy' });
    peer.attached.receive(dataMessage({ type: 17, sessionId: SESSION_ID, sequence: 9 }));
    peer.data(1);
    expect((await peer.session.receive())?.sequence).toBe(1);
  });
});

describe('pausing', () => {
  test('is told once, and so is going on', () => {
    const peer = new Peer().opens();
    peer.session.pause();
    peer.session.pause();
    expect([peer.session.isPaused, peer.reads()]).toEqual([true, ['PAUSE']]);
    peer.session.resume();
    peer.session.resume();
    expect([peer.session.isPaused, peer.reads()]).toEqual([false, ['RESUME']]);
    peer.session.pause();
    peer.session.resume();
    expect(peer.reads()).toEqual([]);
  });

  test('is told again on a new connection, behind the ack', async () => {
    const peer = new Peer().opens();
    peer.data(1);
    await peer.session.receive();
    void peer.session.receive();
    peer.session.pause();
    expect(peer.reads()).toEqual(['PAUSE', 'ACK 1']);
    peer.attached.detach();
    peer.opens();
    expect(peer.reads()).toEqual(['ACK 1', 'PAUSE']);
    peer.session.resume();
    expect(peer.reads()).toEqual(['RESUME']);
  });

  test('before it is open is told when it is', () => {
    const peer = new Peer();
    peer.session.pause();
    peer.opens();
    expect(peer.reads()).toEqual(['PAUSE']);
  });

  test('is over where it is to end: else what is owed would never come', () => {
    const peer = new Peer().opens();
    peer.session.pause();
    peer.reads();
    peer.session.end();
    peer.session.pause();
    expect(peer.reads()).toEqual(['RESUME', 'CLOSE']);
  });
});

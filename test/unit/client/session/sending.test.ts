import { describe, expect, test } from 'vitest';
import type { UnsettledMessage } from '../../../../src/client/message.js';
import { fateOf, Peer } from './peer.js';

const SMALL = { windowMessages: 64, windowBytes: 65_536 };

/** Sends numbered texts without waiting. */
function sendMany(peer: Peer, count: number, from = 1): Promise<void>[] {
  return Array.from({ length: count }, (_, i) => peer.session.send(`${from + i}`));
}

describe('a send under block', () => {
  test('waits for the window, in order, and goes when there is room', async () => {
    const peer = new Peer().opens({ windowMessages: 2 });
    const [first, second, third, fourth] = sendMany(peer, 4) as [
      Promise<void>,
      Promise<void>,
      Promise<void>,
      Promise<void>,
    ];
    await Promise.all([first, second]);
    expect(await fateOf(third)).toBe('pending');
    expect(peer.reads()).toEqual(['1:1', '2:2']);
    const wakes = peer.wakes;
    peer.acks(1);
    expect(peer.wakes).toBeGreaterThan(wakes);
    await third;
    expect(peer.reads()).toEqual(['3:3']);
    expect(await fateOf(fourth)).toBe('pending');
    expect(peer.session.stats).toMatchObject({ unacknowledged: 2, waiting: 1, bufferedBytes: 3 });
  });

  test('beyond the buffer is refused at once, with the numbers', async () => {
    const peer = new Peer({ buffer: { messages: 2 } });
    const waiting = sendMany(peer, 2);
    await expect(peer.session.send('3')).rejects.toMatchObject({
      code: 'BUFFER_FULL',
      message: expect.stringContaining('2 sends of 2 bytes') as string,
    });
    peer.opens();
    await Promise.all(waiting);
    expect(peer.reads()).toEqual(['1:1', '2:2']);
  });

  test('waits for bytes too, but one message always fits when nothing else is there', async () => {
    const peer = new Peer().opens({ windowBytes: 10 });
    await peer.session.send('x'.repeat(30));
    const next = peer.session.send('y');
    expect(await fateOf(next)).toBe('pending');
    peer.reads();
    peer.acks(1);
    await next;
  });

  test('is not overtaken by a smaller one for which there would be room', async () => {
    const peer = new Peer().opens({ windowBytes: 10 });
    await peer.session.send('x'.repeat(6));
    void peer.session.send('y'.repeat(6));
    void peer.session.send('z');
    peer.reads();
    peer.acks(1);
    expect(peer.reads()).toEqual(['2:yyyyyy', '3:z']);
  });

  test('before it is open waits, for what followed a first Open could be lost with its answer', async () => {
    const peer = new Peer();
    const sent = peer.session.send('a');
    peer.attach();
    expect(peer.reads()).toEqual(['OPEN 1']);
    expect(await fateOf(sent)).toBe('pending');
    peer.opens();
    await sent;
    expect(peer.reads()).toEqual(['1:a']);
  });

  test('is withdrawn by its signal while it waits, and resolves once it is taken', async () => {
    const peer = new Peer().opens({ windowMessages: 1 });
    const taken = new AbortController();
    await peer.session.send('a', { signal: taken.signal });
    taken.abort(new Error('too late'));
    const [waiting, next] = [new AbortController(), new AbortController()];
    const withdrawn = peer.session.send('b', { signal: waiting.signal });
    const sent = peer.session.send('c', { signal: next.signal });
    waiting.abort(new Error('no more'));
    await expect(withdrawn).rejects.toThrow('no more');
    await expect(peer.session.send('d', { signal: waiting.signal })).rejects.toThrow('no more');
    peer.reads();
    peer.acks(1);
    await sent;
    expect(peer.reads()).toEqual(['2:c']);
  });

  test('that was withdrawn makes way for Close, and for what is behind it', () => {
    const peer = new Peer().opens({ windowMessages: 1 });
    void peer.session.send('a');
    const waiting = new AbortController();
    peer.session.send('b', { signal: waiting.signal }).catch(() => undefined);
    peer.session.end();
    expect(peer.reads()).toEqual(['1:a']);
    const wakes = peer.wakes;
    waiting.abort();
    expect(peer.wakes).toBeGreaterThan(wakes);
    expect(peer.reads()).toEqual(['CLOSE']);
  });

  test('leaves no listener on its signal', async () => {
    const listeners = new Set<unknown>();
    const { signal } = new AbortController();
    signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
    signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
    const peer = new Peer().opens({ windowMessages: 1 });
    const fates = [1, 2, 3].map((text) => fateOf(peer.session.sendAndWait(`${text}`, { signal })));
    expect(listeners.size).toBe(3);
    peer.reads();
    peer.acks(1);
    peer.closes('OVERLOADED');
    await Promise.all(fates);
    expect(listeners.size).toBe(0);
  });
});

describe('sendAndWait', () => {
  test('rejects with the error of the route for this message, and only this', async () => {
    const peer = new Peer().opens();
    const [first, second] = [peer.session.sendAndWait('a'), peer.session.sendAndWait('b')];
    peer.reads();
    peer.fails(2);
    peer.acks(2);
    await first;
    await expect(second).rejects.toMatchObject({ code: 'ROUTE_FAILED', scope: 'message', message: 'no 2' });
  });

  test('ignores an Error that is repeated for what is settled, and one for what was never sent', async () => {
    const peer = new Peer().opens();
    const first = peer.session.sendAndWait('a');
    peer.reads();
    peer.acks(1);
    await first;
    peer.fails(1).fails(7);
    const second = peer.session.sendAndWait('b');
    peer.reads();
    peer.acks(2);
    await second;
  });

  test('ends its wait by its signal though it is on its way; what comes of it then is for onFailure', async () => {
    const failures: string[] = [];
    const peer = new Peer({
      onFailure: ({ code }, { data }) => failures.push(`${code} ${Buffer.from(data).toString()}`),
    }).opens();
    const abort = new AbortController();
    const sent = peer.session.sendAndWait('a', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(sent).rejects.toThrow('enough');
    expect(peer.reads()).toEqual(['1:a']);
    peer.fails(1).acks(1);
    await Promise.resolve();
    expect(failures).toEqual(['ROUTE_FAILED a']);
  });
});

describe('a failure that nobody waits for', () => {
  test('is thrown by the next read, once', async () => {
    const peer = new Peer().opens();
    await peer.session.send('a');
    peer.reads();
    const reading = peer.session.receive();
    peer.fails(1).acks(1).data(1);
    await expect(reading).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
    expect((await peer.session.receive())?.text).toBe('1');
  });

  test('is counted in what close() resolves with, where nobody reads', async () => {
    const peer = new Peer().opens({ windowMessages: 200 });
    await Promise.all(sendMany(peer, 100));
    peer.reads();
    for (let sequence = 1; sequence <= 90; sequence += 1) peer.fails(sequence);
    peer.acks(90);
    await expect(peer.session.receive()).rejects.toThrow('no 1');
    const closing = peer.session.close();
    peer.fails(95).acks(100).closes();
    expect(await closing).toMatchObject({ error: undefined, failed: 90 });
    expect(await peer.session.closed).toMatchObject({ failed: 90 });
  });

  test('is not counted where it was told: read, or given to onFailure, even if that throws', async () => {
    const read = new Peer().opens({ windowMessages: 200 });
    await Promise.all(sendMany(read, 100));
    read.reads();
    for (let sequence = 1; sequence <= 100; sequence += 1) read.fails(sequence);
    read.acks(100);
    for (let i = 0; i < 65; i += 1) await expect(read.session.receive()).rejects.toThrow();
    read.closes();
    expect(await read.session.closed).toMatchObject({ failed: 0 });
    const onFailure = () => {
      throw new Error('my own');
    };
    const told = new Peer({ onFailure }).opens();
    await told.session.send('a');
    told.reads();
    told.fails(1).acks(1);
    const closing = told.session.close();
    told.closes();
    expect(await closing).toMatchObject({ failed: 0 });
  });

  test('by the hundred does not pile up', async () => {
    const peer = new Peer().opens({ windowMessages: 200 });
    await Promise.all(sendMany(peer, 200));
    peer.reads();
    for (let sequence = 1; sequence <= 200; sequence += 1) peer.fails(sequence);
    peer.acks(200).data(1);
    for (let i = 1; i <= 64; i += 1) await expect(peer.session.receive()).rejects.toThrow(`no ${i}`);
    await expect(peer.session.receive()).rejects.toThrow('136 more sends failed');
    expect((await peer.session.receive())?.text).toBe('1');
  });

  test('told to a callback that throws is read as what it threw, and breaks nothing', async () => {
    const peer = new Peer({
      onFailure: () => {
        throw new Error('a slip');
      },
    }).opens();
    await Promise.all(sendMany(peer, 2));
    peer.reads();
    peer.fails(1).acks(2);
    await expect(peer.session.receive()).rejects.toThrow('a slip');
    expect(peer.session.stats.unacknowledged).toBe(0);
  });
});

describe('the policy of the buffer', () => {
  function offline(overflow: 'drop-oldest' | 'drop-newest' | 'conflate' | 'disconnect', messages = 2) {
    const dropped: string[] = [];
    const onDrop = ({ data }: UnsettledMessage, reason: string) =>
      void dropped.push(`${Buffer.from(data).toString()} ${reason}`);
    return { peer: new Peer({ buffer: { messages, overflow }, onDrop }), dropped };
  }

  test('drop-oldest', async () => {
    const { peer, dropped } = offline('drop-oldest');
    const first = peer.session.sendAndWait('a');
    const fate = fateOf(first);
    for (const text of ['b', 'c', 'd']) await peer.session.send(text);
    expect(await fate).toBe('DROPPED');
    expect(dropped).toEqual(['a overflow', 'b overflow']);
    peer.opens();
    expect(peer.reads()).toEqual(['1:c', '2:d']);
  });

  test('drop-newest', async () => {
    const { peer, dropped } = offline('drop-newest');
    for (const text of ['a', 'b', 'c']) await peer.session.send(text);
    await expect(peer.session.sendAndWait('d')).rejects.toMatchObject({ code: 'DROPPED' });
    expect(dropped).toEqual(['c overflow', 'd overflow']);
    peer.opens();
    expect(peer.reads()).toEqual(['1:a', '2:b']);
  });

  test('conflate: the latest of each key, at the end; without a key nothing is replaced', async () => {
    const { peer, dropped } = offline('conflate', 4);
    const send = (text: string, key?: string) => peer.session.send(text, key === undefined ? {} : { key });
    await send('a1', 'a');
    await send('b1', 'b');
    await send('x');
    await send('a2', 'a');
    await send('y');
    expect(dropped).toEqual(['a1 overflow']);
    await send('c1', 'c');
    expect(dropped).toEqual(['a1 overflow', 'b1 overflow']);
    peer.opens();
    expect(peer.reads()).toEqual(['1:x', '2:a2', '3:y', '4:c1']);
    // What is numbered is not replaced.
    await send('a3', 'a');
    expect(peer.reads()).toEqual(['5:a3']);
  });

  test('disconnect ends the session, and says so to the gateway', async () => {
    const peer = new Peer({ buffer: { messages: 1, overflow: 'disconnect' } }).opens({ windowMessages: 1 });
    for (const text of ['a', 'b']) await peer.session.send(text);
    peer.reads();
    peer.data(1);
    await expect(peer.session.send('c')).rejects.toMatchObject({ code: 'BUFFER_FULL' });
    const end = await peer.session.closed;
    expect(end.error?.code).toBe('BUFFER_FULL');
    expect([end.unsettled.length, end.unsent.length]).toEqual([1, 1]);
    // What came is acknowledged, though the application still may read it.
    expect(peer.reads()).toEqual(['ACK 1', 'CLOSE']);
    peer.data(2);
    expect(peer.reads()).toEqual(['ACK 2']);
    expect(peer.overs).toBe(0);
    peer.closes();
    expect(peer.overs).toBe(1);
    expect((await peer.session.receive())?.text).toBe('1');
    await expect(peer.session.receive()).rejects.toMatchObject({ code: 'BUFFER_FULL' });
  });

  test('drops payloads whole, what is still to come of them included', async () => {
    const { peer, dropped } = offline('drop-oldest', 2);
    await peer.session.send('a1', { more: true });
    await peer.session.send('a2', { more: true });
    // It made the two before it, and so itself, one too many.
    await expect(peer.session.send('a3')).rejects.toMatchObject({ code: 'DROPPED' });
    await Promise.resolve();
    expect(dropped).toEqual(['a1 overflow', 'a2 overflow', 'a3 overflow']);
    await peer.session.send('b');
    peer.opens();
    expect(peer.reads()).toEqual(['1:b']);
  });

  test('leaves alone a payload of which a part was sent', async () => {
    const { peer, dropped } = offline('drop-oldest', 2);
    peer.opens({ windowMessages: 1 });
    await peer.session.send('a1', { more: true });
    await peer.session.send('a2', { more: true });
    await peer.session.send('a3');
    await expect(peer.session.send('b')).rejects.toMatchObject({ code: 'BUFFER_FULL' });
    expect(dropped).toEqual([]);
    peer.says({ action: 'window', messages: 9, bytes: 0 });
    expect(peer.reads()).toEqual(['1:a1+', '2:a2+', '3:a3']);
  });

  test('a time to live is over when it would be sent, or when room is needed; no timer', async () => {
    const { peer, dropped } = offline('drop-newest', 3);
    await peer.session.send('a', { ttlMs: 10 });
    await peer.session.send('b');
    await peer.session.send('c', { ttlMs: 50 });
    peer.clock.advance(10);
    expect(dropped).toEqual([]);
    expect(peer.clock.activeTimers).toBe(0);
    await peer.session.send('d');
    expect(dropped).toEqual(['a expired']);
    peer.clock.advance(40);
    peer.opens();
    expect(peer.reads()).toEqual(['1:b', '2:d']);
    await Promise.resolve();
    expect(dropped).toEqual(['a expired', 'c expired']);
  });
});

describe('a payload', () => {
  const maxMessageBytes = 200;
  const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');

  test('that is larger than a message goes in pieces; key, metadata and time to live are those of the first', async () => {
    const peer = new Peer().opens({}, { maxMessageBytes });
    const sent = peer.session.sendAndWait(text, { key: 'k', metadata: { a: 'b' }, ttlMs: 9 });
    const pieces = peer.written();
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.map(({ data }) => Buffer.from(data).toString()).join('')).toBe(text);
    expect(pieces.map(({ more }) => more)).toEqual(pieces.map((_, i) => i < pieces.length - 1));
    const [first, second] = pieces;
    expect([first?.key, first?.metadata, first?.ttlMs]).toEqual(['k', new Map([['a', 'b']]), 9]);
    expect([second?.key, second?.metadata, second?.ttlMs]).toEqual(['', undefined, 0]);
    for (const piece of pieces) expect(piece.data.byteLength).toBeLessThan(maxMessageBytes);
    peer.acks(1);
    expect(await fateOf(sent)).toBe('pending');
    peer.acks(pieces.length);
    await sent;
  });

  test('goes on over a new connection where the gateway has it in part', async () => {
    const peer = new Peer().opens({}, { maxMessageBytes });
    await peer.session.send(text);
    const pieces = peer.written();
    peer.acks(1);
    peer.opens({ lastReceivedSequence: 2, ack: 1 }, { maxMessageBytes });
    const again = peer.written();
    expect(again.map(({ sequence }) => sequence)).toEqual(pieces.slice(2).map(({ sequence }) => sequence));
    expect(again.map(({ data }) => Buffer.from(data).toString())).toEqual(
      pieces.slice(2).map(({ data }) => Buffer.from(data).toString()),
    );
  });

  test('is written as the window allows, and no other comes between its pieces', async () => {
    const peer = new Peer().opens({ windowMessages: 4 }, { maxMessageBytes });
    await peer.session.send('x');
    await peer.session.send(text);
    const last = peer.session.send('y');
    const before = peer.written().length;
    expect(before).toBe(4);
    expect(await fateOf(last)).toBe('pending');
    peer.acks(4);
    const rest = peer.written();
    expect(rest.map(({ more }) => more).lastIndexOf(false)).toBe(rest.length - 1);
  });

  test('that could never fit the window is refused before anything is sent, with the limit and its setting', async () => {
    const peer = new Peer().opens({ windowBytes: 250 }, { maxMessageBytes });
    await expect(peer.session.send(text)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      scope: 'message',
      message: expect.stringMatching(/300 bytes.*250 bytes.*session\.windowSize/s) as string,
    });
    expect(peer.reads()).toEqual([]);
    await peer.session.send('x');
    expect(peer.reads()).toEqual(['1:x']);
  });

  test('is judged when the window is known, and what is behind it goes on', async () => {
    const peer = new Peer();
    const [large, small] = [peer.session.send(text), peer.session.send('x')];
    const fate = fateOf(large);
    peer.opens({ windowBytes: 250 }, { maxMessageBytes });
    expect(await fate).toBe('MESSAGE_TOO_LARGE');
    await small;
    expect(peer.reads()).toEqual(['1:x']);
  });

  test('whose key and metadata are no message is refused', async () => {
    const peer = new Peer().opens({}, { maxMessageBytes });
    await expect(peer.session.send('', { metadata: { a: text } })).rejects.toThrow('key and metadata alone');
  });

  test('that was begun may be finished though the window has shrunk', async () => {
    const peer = new Peer().opens(SMALL);
    await peer.session.send('a', { more: true });
    expect(peer.reads()).toEqual(['1:a+']);
    peer.says({ action: 'window', messages: 1, bytes: 1 });
    await peer.session.send('b');
    const next = peer.session.send('c');
    expect(peer.reads()).toEqual(['2:b']);
    expect(await fateOf(next)).toBe('pending');
    peer.acks(2);
    expect(peer.reads()).toEqual(['3:c']);
  });
});

test.each([
  [{ data: 7 }, 'data is number'],
  [{ data: null }, 'data is null'],
  [{ options: { key: 7 } }, 'key is 7: expected is a string'],
  [{ options: { ttlMs: 1.5 } }, 'ttlMs is 1.5'],
  [{ options: { ttlMs: -1 } }, 'ttlMs is -1'],
  [{ options: { metadata: { a: 1 } } }, 'metadata "a" is number'],
  [
    { options: { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`${i}`, ''])) } },
    '65 entries',
  ],
])('what can not be sent is refused by name: %j', async (wrong, message) => {
  const { data = 'x', options = {} } = wrong as { data?: string; options?: object };
  await expect(new Peer().session.send(data, options)).rejects.toThrow(message);
});

test.each([
  [{ id: '' }, 'id is ""'],
  [{ id: 'a\nb' }, 'id is "a\\nb"'],
  [{ window: { messages: 0 } }, 'window.messages is 0'],
  [{ window: { bytes: 2 ** 32 } }, 'window.bytes is 4294967296'],
  [{ buffer: { messages: 0.5 } }, 'buffer.messages is 0.5'],
  [{ buffer: { overflow: 'drop' } }, 'buffer.overflow is "drop"'],
  [{ overflow: 'drop' }, 'overflow is "drop"'],
  [{ onGap: 'yes' }, 'onGap is "yes": expected is a function'],
  [{ subject: 7 }, 'subject is 7: expected is a string'],
])('options that can not be are refused by name: %j', (options, message) => {
  expect(() => new Peer(options as object)).toThrow(message);
});

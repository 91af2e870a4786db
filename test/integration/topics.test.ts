/** Rooms, as clients have them: sessions of a topic route over real sockets. */
import { describe, expect, it } from 'vitest';
import { connect, type ConnectOptions, type Message } from '../../src/client/index.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';
import { startRooms } from '../helpers/rooms.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

type Client = ReturnType<typeof connect>;
type Session = Awaited<ReturnType<Client['open']>>;

function clientOf(address: string, clientId: string, options: ConnectOptions = {}): Client {
  return connect(address, { clientId, ...options });
}

async function next(session: Session): Promise<Message> {
  const message = await session.receive();
  if (message === undefined) throw new Error('the session is over');
  return message;
}

async function texts(session: Session, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push((await next(session)).text);
  return all;
}

const sequenceOf = ({ metadata }: Message): number => Number(metadata.get('x-topic-sequence'));

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  it('brings what one says to all in the room, and to nobody else', async () => {
    await using gateway = await startGateway({
      'server.streamHandler': streamHandler,
      routes: '{echo: {kind: echo}, rooms: {kind: topic}}',
    });
    await using ann = clientOf(gateway.address, 'ann');
    await using bob = clientOf(gateway.address, 'bob');
    const [anns, bobs, others] = await Promise.all([
      ann.open('rooms', { subject: 'tea' }),
      bob.open('rooms', { subject: 'tea' }),
      bob.open('rooms', { subject: 'coffee' }),
    ]);
    await anns.sendAndWait('one', { key: 'k', metadata: { mine: 'yes', 'x-from': 'eve' } });
    const message = await next(bobs);
    expect(message).toMatchObject({ text: 'one', key: 'k' });
    expect([...message.metadata]).toEqual([
      ['x-topic-sequence', expect.stringMatching(/^\d{16}$/)],
      ['x-from', 'ann'],
      ['mine', 'yes'],
    ]);
    await bobs.sendAndWait('two');
    // Its own come back.
    expect(await texts(anns, 2)).toEqual(['one', 'two']);
    expect(await texts(bobs, 1)).toEqual(['two']);
    await others.sendAndWait('elsewhere');
    expect(await texts(others, 1)).toEqual(['elsewhere']);
  });
});

describe('a session of a topic', () => {
  it('names its room', async () => {
    await using rooms = await startRooms();
    await using ann = clientOf(rooms.address, 'ann');
    await expect(ann.open('rooms')).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining('name one as the subject'),
    });
    for (const subject of ['x'.repeat(10_240), 'a\u0007b']) {
      await expect(ann.open('rooms', { subject })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    }
  });

  it('begins with the history it asks for, or after the last message it knows, and is told what is missing', async () => {
    await using rooms = await startRooms({ room: { historyMessages: 5 } });
    await using ann = clientOf(rooms.address, 'ann');
    const speaker = await ann.open('rooms', { subject: 'tea' });
    for (let n = 1; n <= 8; n += 1) await speaker.sendAndWait(String(n));
    const first = sequenceOf(await next(speaker));
    const open = (options: object) => ann.open('rooms', { subject: 'tea', ...options });
    expect(await texts(await open({ history: 3 }), 3)).toEqual(['6', '7', '8']);
    expect(await texts(await open({ afterSequence: first + 5 }), 2)).toEqual(['7', '8']);
    const late = await open({ afterSequence: first });
    const told = await next(late);
    expect(told.data).toHaveLength(0);
    expect([...told.metadata]).toEqual([
      ['x-topic-missed', `${first + 1}-${first + 2}`],
      ['x-topic-missed-reason', 'RESUME_EXPIRED'],
    ]);
    expect(await texts(late, 5)).toEqual(['4', '5', '6', '7', '8']);
    await speaker.sendAndWait('9');
    expect(await texts(late, 1)).toEqual(['9']);
    await expect(open({ afterSequence: first + 1_000 })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  });

  it('gets nothing of its own where it wants none; its other sessions do', async () => {
    await using rooms = await startRooms({ room: { ownMessages: false } });
    await using ann = clientOf(rooms.address, 'ann');
    const [one, two] = [
      await ann.open('rooms', { subject: 'tea' }),
      await ann.open('rooms', { subject: 'tea' }),
    ];
    await one.sendAndWait('from one');
    await two.sendAndWait('from two');
    expect(await texts(one, 1)).toEqual(['from two']);
    expect(await texts(two, 1)).toEqual(['from one']);
  });

  it('misses nothing while its connection is broken, and hears each once', async () => {
    await using rooms = await startRooms();
    await using proxy = await FaultProxy.start(rooms.address);
    await using ann = clientOf(rooms.address, 'ann');
    await using bob = clientOf(proxy.address, 'bob');
    const speaker = await ann.open('rooms', { subject: 'tea' });
    const listener = await bob.open('rooms', { subject: 'tea' });
    const heard = texts(listener, 60);
    for (let n = 0; n < 60; n += 1) {
      if (n === 30) proxy.cutAll('reset');
      await speaker.sendAndWait(String(n));
    }
    expect(await heard).toEqual(Array.from({ length: 60 }, (_, n) => String(n)));
    expect(rooms.topic.levels.subscribers).toBe(2);
  });

  it.each([
    ['holds publishers under block until it has room', 60_000],
    ['ends when it holds a publisher for too long', 200],
  ])('%s', async (_, sendTimeoutMs) => {
    await using rooms = await startRooms({ sendTimeoutMs });
    await using ann = clientOf(rooms.address, 'ann');
    await using bob = clientOf(rooms.address, 'bob');
    await using cid = clientOf(rooms.address, 'cid');
    const speaker = await ann.open('rooms', { subject: 'tea' });
    const strict = await bob.open('rooms', { subject: 'tea', overflow: 'block', window: { messages: 8 } });
    const easy = await cid.open('rooms', { subject: 'tea' });
    // More than its window and what may wait.
    const all = Array.from({ length: 700 }, (_each, n) => String(n));
    const said = (async () => {
      for (const text of all) await speaker.send(text);
    })();
    const heard = texts(easy, all.length);
    await expect.poll(() => rooms.topic.counters.held, { timeout: 10_000 }).toBeGreaterThan(0);
    if (sendTimeoutMs > 1_000) {
      expect(await texts(strict, all.length)).toEqual(all);
      expect(rooms.topic.counters.tooSlow).toBe(0);
    } else {
      await expect.poll(() => rooms.topic.levels.subscribers, { timeout: 10_000 }).toBe(2);
      expect(rooms.topic.counters.tooSlow).toBe(1);
      await expect(texts(strict, all.length)).rejects.toMatchObject({
        code: 'SLOW_CONSUMER',
        message: expect.stringContaining('for 200 ms (stream.sendTimeout), and its policy is block'),
      });
    }
    // Whoever takes what comes is not hurt.
    expect(await heard).toEqual(all);
    await said;
  });

  it('may be one that only listens, or only speaks, as its permissions say', async () => {
    await using rooms = await startRooms({
      settings: {
        'auth.classes': '{default: {permissions: ["open:*", "subscribe:rooms/hear*", "publish:rooms/say*"]}}',
      },
    });
    await using ann = clientOf(rooms.address, 'ann');
    const open = (subject: string) => ann.open('rooms', { subject });
    await expect(open('none')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('subscribe:rooms/none'),
    });
    const ear = await open('hear');
    await expect(ear.sendAndWait('x')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('publish:rooms/hear'),
    });
    const mouth = await open('say');
    await mouth.sendAndWait('x');
    expect(rooms.topic.levels.subscribers).toBe(1);
    expect(rooms.topic.counters).toMatchObject({ published: 1, delivered: 0 });
  });

  it('works over a simple connection of any client', async () => {
    await using rooms = await startRooms();
    const metadata = (clientId: string) => ({
      'x-client-id': clientId,
      'x-route': 'rooms',
      'x-subject': 'tea',
    });
    using ann = new StreamClient(rooms.address, { metadata: metadata('ann') });
    using bob = new StreamClient(rooms.address, { metadata: metadata('bob') });
    bob.sendData('b', 'hello');
    await bob.untilData(1);
    ann.sendData('a', 'one');
    ann.sendData('a', 'two');
    await Promise.all([ann.untilData(2), bob.untilData(3)]);
    expect(bob.data.map(({ data }) => data.toString())).toEqual(['hello', 'one', 'two']);
    expect(bob.data.map(({ metadata }) => metadata['x-from'])).toEqual(['bob', 'ann', 'ann']);
    ann.send({ sessionId: 'a', data: Buffer.from('part'), more: true });
    await ann.until(() => ann.controls('error').length > 0);
    expect(ann.controls('error')[0]?.control?.['error']).toMatchObject({ code: 'INVALID_MESSAGE' });
    using lost = new StreamClient(rooms.address, { metadata: { 'x-route': 'rooms' } });
    lost.sendData('a', 'x');
    await lost.until(() => lost.controls('closed').length > 0 || lost.controls('error').length > 0);
    const [told] = [...lost.controls('closed'), ...lost.controls('error')];
    expect(JSON.stringify(told?.control)).toContain('name one as the subject');
  });
});

describe('presence', () => {
  const ask = (session: Session, what: string) =>
    session.sendAndWait('', { metadata: { 'x-presence': what } });
  const seen = ({ metadata, text }: Message) => {
    const what = metadata.get('x-presence');
    return what === 'who'
      ? { who: JSON.parse(text) as unknown, count: Number(metadata.get('x-presence-count')) }
      : { [what ?? '']: metadata.get('x-client-id') };
  };

  it('tells who is there, and who comes and goes, each client once', async () => {
    await using rooms = await startRooms({ room: { maxPresence: 2 } });
    await using ann = clientOf(rooms.address, 'ann');
    const anns = await ann.open('rooms', { subject: 'tea' });
    await ask(anns, 'who');
    expect(seen(await next(anns))).toEqual({ who: ['ann'], count: 1 });
    await ask(anns, 'follow');
    expect(seen(await next(anns))).toEqual({ who: ['ann'], count: 1 });
    {
      await using bob = clientOf(rooms.address, 'bob');
      const bobs = await bob.open('rooms', { subject: 'tea' });
      expect(seen(await next(anns))).toEqual({ join: 'bob' });
      const again = await bob.open('rooms', { subject: 'tea' });
      await bobs.close();
      await using cid = clientOf(rooms.address, 'cid');
      const cids = await cid.open('rooms', { subject: 'tea' });
      // Nothing of bob's second session, nor of the end of his first.
      expect(seen(await next(anns))).toEqual({ join: 'cid' });
      await ask(cids, 'who');
      expect(seen(await next(cids))).toMatchObject({
        count: 3,
        who: expect.toSatisfy((who: unknown[]) => who.length === 2),
      });
      await cids.close();
      expect(seen(await next(anns))).toEqual({ leave: 'cid' });
      await again.close();
    }
    expect(seen(await next(anns))).toEqual({ leave: 'bob' });
    await ask(anns, 'unfollow');
    await using dan = clientOf(rooms.address, 'dan');
    await dan.open('rooms', { subject: 'tea' });
    await anns.sendAndWait('x');
    expect((await next(anns)).text).toBe('x');
    await expect(ask(anns, 'all')).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining('who, follow or unfollow'),
    });
  });

  it('is off unless it is configured', async () => {
    await using rooms = await startRooms({ room: { presence: false } });
    await using ann = clientOf(rooms.address, 'ann');
    const anns = await ann.open('rooms', { subject: 'tea' });
    await expect(ask(anns, 'who')).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining('routes.rooms.presence'),
    });
    expect(rooms.topic.counters.published).toBe(0);
  });
});

import { expect, test } from 'vitest';
import { defineRoute } from '../../../src/routes/module/define-route.js';
import { ClientSessions } from '../../../src/session/client-sessions.js';
import type { StreamSession } from '../../../src/session/stream-session.js';
import { memoryGateway } from '../../../src/testing/index.js';

const silent = defineRoute({ message: () => undefined });

test('a push goes to all sessions of a client, of one route, of one subject, or to one', async () => {
  await using world = memoryGateway({ routes: { news: silent, chat: silent }, defaultRoute: 'news' });
  await using ann = world.connect({ clientId: 'ann' });
  await using bob = world.connect({ clientId: 'bob' });
  const news = await ann.open('news', { id: 'n' });
  const tea = await ann.open('chat', { id: 't', subject: 'tea' });
  const milk = await ann.open('chat', { id: 'm', subject: 'milk' });
  const others = await bob.open('news');
  const { gateway } = world;
  const pushes = gateway.client('ann');
  expect(pushes.sessions).toEqual([
    { name: 'ann:n', sessionId: 'n', route: 'news', subject: '', attached: true },
    { name: 'ann:t', sessionId: 't', route: 'chat', subject: 'tea', attached: true },
    { name: 'ann:m', sessionId: 'm', route: 'chat', subject: 'milk', attached: true },
  ]);
  expect(await pushes.send('all')).toEqual({ sent: 3, failed: [] });
  expect(await pushes.send(new TextEncoder().encode('chat'), { route: 'chat' })).toEqual({
    sent: 2,
    failed: [],
  });
  expect(await pushes.send({ data: 'tea', key: 'k' }, { subject: 'tea' })).toEqual({ sent: 1, failed: [] });
  expect(await pushes.session('n').send('one')).toEqual({ sent: 1, failed: [] });
  expect(await pushes.session('none').send('one')).toEqual({ sent: 0, failed: [] });
  expect(await gateway.client('nobody').send('x')).toEqual({ sent: 0, failed: [] });
  const read = async (session: typeof news, count: number): Promise<string[]> => {
    const texts: string[] = [];
    while (texts.length < count) texts.push((await session.receive())?.text ?? '');
    return texts;
  };
  expect(await read(news, 2)).toEqual(['all', 'one']);
  expect(await read(tea, 3)).toEqual(['all', 'chat', 'tea']);
  expect(await read(milk, 2)).toEqual(['all', 'chat']);
  expect(others.stats.received).toBe(0);
  await expect(pushes.send(5 as never)).rejects.toThrow('a message is number');
});

test('an upload takes no push: it hears nothing', async () => {
  await using world = memoryGateway({ routes: { news: silent } });
  await using ann = world.connect({ clientId: 'ann' });
  await using upload = ann.ingest('news');
  await upload.send('x');
  await expect.poll(() => world.gateway.sessions).toBe(1);
  const pushes = world.gateway.client('ann');
  expect(pushes.sessions).toEqual([]);
  expect(await pushes.send('all')).toEqual({ sent: 0, failed: [] });
  expect(await upload.finish()).toMatchObject({ messages: 1 });
});

test('it reaches a session that waits for its client, when that comes back', async () => {
  await using world = memoryGateway({ routes: { news: silent } });
  await using ann = world.connect({ clientId: 'ann' });
  const session = await ann.open('news');
  world.unreachable = true;
  world.breakConnections();
  await expect.poll(() => world.gateway.client('ann').sessions[0]?.attached).toBe(false);
  expect(await world.gateway.client('ann').send('later')).toEqual({ sent: 1, failed: [] });
  world.unreachable = false;
  expect((await session.receive())?.text).toBe('later');
});

test('under block it waits for each, is bounded, and says who did not get it', async () => {
  const settings = { 'session.waitingMessages': 64 };
  await using world = memoryGateway({ routes: { news: silent }, settings });
  await using ann = world.connect({ clientId: 'ann' });
  const session = await ann.open('news', { window: { messages: 64 } });
  const pushes = world.gateway.client('ann');
  world.frozen = true;
  const results = Array.from({ length: 400 }, (_, n) => pushes.send(String(n)));
  expect(await results[399]).toMatchObject({
    sent: 0,
    failed: [{ session: { name: `ann:${session.id}` }, error: { code: 'OVERLOADED' } }],
  });
  world.frozen = false;
  const received: string[] = [];
  void (async () => {
    for await (const { text } of session) received.push(text);
  })().catch(() => undefined);
  const taken = (await Promise.all(results)).filter(({ sent }) => sent === 1).length;
  await expect.poll(() => received.length).toBe(taken);
  expect(received).toEqual(Array.from({ length: taken }, (_, n) => String(n)));
});

test('one that ends meanwhile is told of, the others have it', async () => {
  const session = (id: string, send: () => Promise<void> | undefined): StreamSession =>
    ({
      name: `ann:${id}`,
      sessionId: id,
      routeName: 'r',
      subject: '',
      connectionId: 'c',
      state: 'open',
      hears: true,
      send,
    }) as never;
  const gone = new Error('it ended');
  const sessions = [
    session('a', () => undefined),
    session('b', () => Promise.reject(gone)),
    session('c', () => {
      throw gone;
    }),
  ];
  const pushed = await new ClientSessions('ann', { ofClient: () => sessions }).send('x');
  expect(pushed.sent).toBe(1);
  expect(pushed.failed.map(({ session: { sessionId }, error }) => [sessionId, error])).toEqual([
    ['c', gone],
    ['b', gone],
  ]);
});

test('a push to a session that its client has paused waits until it goes on', async () => {
  await using world = memoryGateway({ routes: { news: silent } });
  await using ann = world.connect({ clientId: 'ann' });
  const news = await ann.open('news', { id: 'n' });
  news.pause();
  // What is acknowledged went behind the Pause: the gateway knows.
  await news.sendAndWait('paused?');
  const sent = await world.gateway.client('ann').send('headline');
  await news.sendAndWait('anything?');
  expect([sent.sent, news.stats.received]).toEqual([1, 0]);
  expect(world.account.down.pending).toBe(1);
  news.resume();
  expect((await news.receive())?.text).toBe('headline');
});

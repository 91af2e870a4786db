/** The SDK in a real browser, with a whole gateway. What is evaluated in the page is text: it is no TypeScript. */
import type { CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrowserWorld } from '../helpers/browser-page.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { type GatewayUnderTest, type Settings, startGateway } from '../helpers/gateway.js';

const ROUTES = '{"board":{"kind":"topic","historyMessages":1000},"echo":{"kind":"echo"}}';

let world: BrowserWorld;
beforeAll(async () => {
  world = await BrowserWorld.start();
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

function start(settings: Settings = {}): Promise<GatewayUnderTest> {
  return startGateway({ 'edge.enabled': true, 'edge.origins': world.origin, routes: ROUTES, ...settings });
}

/** A page with `client`, which notes what becomes of its connections in `events`. */
async function connected(address: string, options = '{}'): Promise<Page> {
  const page = await world.page();
  await page.evaluate(`
    globalThis.events = [];
    globalThis.client = sluice.connect(${JSON.stringify(address)}, {
      backoff: { firstMs: 10, maxMs: 100 },
      onEvent: ({ kind }) => events.push(kind),
      ...${options},
    });
  `);
  return page;
}

/** Numbers go out and come back; what came back. */
const ECHO = `(async (from, to) => {
  const back = [];
  const sending = (async () => { for (let n = from; n <= to; n += 1) await session.send(String(n)); })();
  while (back.length < to - from + 1) back.push(Number((await session.receive()).text));
  await sending;
  return back;
})`;

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function lifecycle(page: Page): Promise<(state: 'frozen' | 'active') => Promise<void>> {
  const session: CDPSession = await page.context().newCDPSession(page);
  return async (state) => {
    await session.send('Page.setWebLifecycleState', { state });
  };
}

describe('a page', () => {
  it('opens, sends, receives, publishes, follows, and leaves nothing', async () => {
    await using gateway = await start();
    const page = await connected(gateway.edge, "{ clientId: 'ann' }");
    await page.evaluate("(async () => { globalThis.session = await client.open('echo'); })()");
    expect(await page.evaluate(`${ECHO}(1, 2000)`)).toEqual(numbers(1, 2_000));
    const told = await page.evaluate(`(async () => {
      await client.publish('board/news', 'one');
      const news = client.subscribe('board/news', { history: 1 });
      const { text } = await news.receive();
      await news.close();
      return [client.clientId, text, String(await (await fetch('data:text/plain,x')).text())];
    })()`);
    expect(told).toEqual(['ann', 'one', 'x']);
    await page.evaluate('client.close()');
    await expect.poll(() => gateway.gateway.connections).toBe(0);
    await page.close();
  });

  it('resumes over cuts, with nothing lost or seen twice', async () => {
    await using gateway = await start();
    await using network = await FaultProxy.start(new URL(gateway.edge).host);
    const page = await connected(`ws://${network.address}`);
    await page.evaluate("(async () => { globalThis.session = await client.open('echo'); })()");
    for (let round = 0; round < 5; round += 1) {
      const echoing = page.evaluate(`${ECHO}(${String(round * 200 + 1)}, ${String(round * 200 + 200)})`);
      network.cutAll(round % 2 === 0 ? 'reset' : 'fin');
      expect(await echoing).toEqual(numbers(round * 200 + 1, round * 200 + 200));
    }
    const events = await page.evaluate<string[]>('events');
    expect(events.filter((kind) => kind === 'connected').length).toBeGreaterThan(2);
    await page.evaluate('client.close()');
    await page.close();
  });

  it('tells an honest reset across a restart of the gateway', async () => {
    const gateway = await start();
    const host = new URL(gateway.edge).host;
    await using network = await FaultProxy.start(host);
    const page = await connected(`ws://${network.address}`);
    await page.evaluate(`(async () => {
      globalThis.resets = [];
      globalThis.session = await client.open('echo', { onReset: ({ error }) => resets.push(error.code) });
    })()`);
    expect(await page.evaluate(`${ECHO}(1, 10)`)).toEqual(numbers(1, 10));
    network.cutAll('reset');
    await gateway[Symbol.asyncDispose]();
    await using anew = await start({ 'edge.listen': host });
    expect(anew.edge).toBe(`http://${host}`);
    expect(await page.evaluate(`${ECHO}(11, 20)`)).toEqual(numbers(11, 20));
    expect(await page.evaluate('resets')).toHaveLength(1);
    await page.evaluate('client.close()');
    await page.close();
  });

  it('that was frozen finds out at once that its connection is gone, and resumes', async () => {
    await using gateway = await start({
      // Nobody but the page itself finds out within the test.
      'stream.heartbeatInterval': '60s',
      'stream.receiveTimeout': '2m',
      'health.maxInactivity': '10m',
      'session.resumeWindow': '5m',
    });
    await using network = await FaultProxy.start(new URL(gateway.edge).host);
    const page = await connected(`ws://${network.address}`);
    await page.evaluate("(async () => { globalThis.session = await client.open('echo'); })()");
    expect(await page.evaluate(`${ECHO}(1, 10)`)).toEqual(numbers(1, 10));
    const become = await lifecycle(page);
    await become('frozen');
    // Neither side is told: what is on the way goes nowhere.
    network.cutAll('reset');
    await become('active');
    expect(await page.evaluate(`${ECHO}(11, 20)`)).toEqual(numbers(11, 20));
    await page.evaluate('client.close()');
    await page.close();
  });

  it('makes a route wait that sends faster than the page reads, and is made to wait by one that reads slowly', async () => {
    await using gateway = await start();
    const page = await connected(gateway.edge);
    const held = await page.evaluate(`(async () => {
      globalThis.session = await client.open('echo', { window: { messages: 16 }, buffer: { messages: 8 } });
      let sent = 0;
      const sending = (async () => { for (let n = 1; n <= 5000; n += 1) { await session.send('x'.repeat(1000)); sent = n; } })();
      let before = -1;
      // Nobody reads: after a while nothing more goes out.
      while (before !== sent) { before = sent; await new Promise((resolve) => setTimeout(resolve, 500)); }
      const stuckAt = sent;
      let received = 0;
      while (received < 5000) { await session.receive(); received += 1; }
      await sending;
      return { stuckAt, sent, received };
    })()`);
    const { stuckAt, ...all } = held as Record<string, number>;
    expect(all).toEqual({ sent: 5_000, received: 5_000 });
    // Two windows, the route's own room and the buffer, and no more.
    expect(stuckAt).toBeLessThan(2_000);
    await page.evaluate('client.close()');
    await page.close();
  });

  it('follows a topic that is faster than it reads, in order, with what it misses told', async () => {
    await using gateway = await start();
    const page = await connected(gateway.edge);
    const seen = await page.evaluate(`(async () => {
      const topic = 'board/fast';
      await client.publish(topic, '0');
      const gaps = [];
      const news = client.subscribe(topic, { history: 1, onGap: (gap) => gaps.push(gap) });
      await news.receive();
      for (let n = 1; n <= 900; n += 1) await client.publish(topic, String(n) + ' '.repeat(4000));
      const sequences = [];
      let last;
      do { last = await news.receive(); sequences.push(last.sequence); } while (Number(last.text) < 900);
      await news.close();
      const lost = gaps.reduce((sum, { fromSequence, toSequence }) => sum + toSequence - fromSequence + 1, 0);
      return { seen: sequences.length, lost, isOrdered: sequences.every((each, at) => at === 0 || each > sequences[at - 1]) };
    })()`);
    const { seen: count, lost, isOrdered } = seen as { seen: number; lost: number; isOrdered: boolean };
    expect({ all: count + lost, isOrdered }).toEqual({ all: 900, isOrdered: true });
    await page.evaluate('client.close()');
    await page.close();
  });

  it('follows by EventSource, and goes on where it was after a cut', async () => {
    await using gateway = await start({ 'edge.events.retry': '100ms' });
    await using network = await FaultProxy.start(new URL(gateway.edge).host);
    const page = await connected(gateway.edge);
    await page.evaluate(`
      globalThis.heard = [];
      globalThis.source = new EventSource('http://${network.address}/v1/topics/board/sse');
      source.onmessage = ({ data }) => heard.push(data);
      new Promise((resolve) => { source.onopen = resolve; })
    `);
    await page.evaluate("client.publish('board/sse', 'one')");
    await page.waitForFunction('heard.length === 1');
    network.cutAll('reset');
    for (const text of ['two', 'three']) await page.evaluate(`client.publish('board/sse', '${text}')`);
    await page.waitForFunction('heard.length === 3');
    expect(await page.evaluate('heard')).toEqual(['one', 'two', 'three']);
    await page.evaluate('source.close(); client.close()');
    await page.close();
  });

  it('of another origin is refused, by WebSocket and by EventSource', async () => {
    await using gateway = await start();
    const page = await world.page(world.strange);
    const code = await page.evaluate(`(async () => {
      const client = sluice.connect(${JSON.stringify(gateway.edge)}, { openTimeoutMs: 0 });
      try { await client.open('echo'); return 'open'; }
      catch ({ code, message }) { return code + (message.includes('edge.origins') ? ', and what to look at' : ''); }
      finally { await client.close(); }
    })()`);
    expect(code).toBe('UNREACHABLE, and what to look at');
    const source = await page.evaluate(`new Promise((resolve) => {
      const source = new EventSource('${gateway.edge}/v1/topics/board/sse');
      source.onopen = () => resolve('open');
      source.onerror = () => resolve('refused');
    })`);
    expect(source).toBe('refused');
    expect(gateway.gateway.connections).toBe(0);
    await page.close();
  });
});

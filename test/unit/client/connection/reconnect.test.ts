import { describe, expect, it } from 'vitest';
import type { ClientEvent } from '../../../../src/client/client-event.js';
import type { Session } from '../../../../src/client/session/session.js';
import { ClientWorld } from '../../../helpers/client-world.js';

const kinds = (events: readonly ClientEvent[]): string[] => events.map(({ kind }) => kind);

/** Sends numbers and reads their echo, taking care of nothing: what comes must be each, once, in order. */
class Exchange {
  readonly received: number[] = [];
  readonly work: Promise<void>;

  constructor(session: Session, count: number) {
    this.work = Promise.all([this.#send(session, count), this.#read(session, count)]).then(() => undefined);
  }

  async #send(session: Session, count: number): Promise<void> {
    for (let i = 1; i <= count; i += 1) await session.send(String(i));
  }

  async #read(session: Session, count: number): Promise<void> {
    for await (const { text } of session) {
      this.received.push(Number(text));
      if (this.received.length === count) return;
    }
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('a client without a gateway', () => {
  it('tries again at growing intervals and says when, and open tells what was wrong', async () => {
    await using world = new ClientWorld();
    world.place.dial.unreachable = true;
    const { client, events } = world.client({ openTimeoutMs: 5_000 });
    const begin = world.clock.now();
    await expect(world.run(client.open())).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('a:1') as string,
    });
    expect(world.clock.now() - begin).toBe(5_000);
    const waits = events.flatMap((event) => (event.kind === 'disconnected' ? [event.retryInMs] : []));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 3_200]);
    expect(client.sessions).toBe(0);
    // Nobody wants a connection any more: nobody tries.
    const tried = events.length;
    await world.clock.advanceAsync(60_000);
    expect(events.length).toBeLessThanOrEqual(tried + 1);
    expect(client.state).toBe('idle');
  });

  it('is soon tried less often, where it is there and each connection breaks', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client({ openTimeoutMs: 60_000 });
    const session = await world.run(client.open('echo'));
    let before = 0;
    const connected = (): number => kinds(events).filter((kind) => kind === 'connected').length;
    const end = world.clock.now() + 60_000;
    while (world.clock.now() < end) {
      if (session.isOpen) {
        before = connected();
        await world.clock.advanceAsync(100);
        world.place.dial.breakConnections();
      }
      await world.clock.advanceAsync(10);
    }
    // A second's wait, and what is lost with each of the first few; without that it would be more than 300.
    expect(before).toBeGreaterThan(50);
    expect(before).toBeLessThan(65);
    await world.until(() => session.isOpen);
  });

  it('never waits longer than it was told', async () => {
    await using world = new ClientWorld();
    world.place.dial.unreachable = true;
    const { client, events } = world.client(
      { openTimeoutMs: 600_000, backoff: { firstMs: 1, maxMs: 1_000 } },
      () => 0.999,
    );
    const opening = client.open();
    await world.clock.advanceAsync(60_000);
    const waits = events.flatMap((event) => (event.kind === 'disconnected' ? [event.retryInMs] : []));
    expect(Math.max(...waits.map((wait) => wait ?? 0))).toBe(999);
    world.place.dial.unreachable = false;
    expect((await world.run(opening)).id).toHaveLength(32);
  });

  it('told not to wait, says so at the first failure', async () => {
    await using world = new ClientWorld();
    world.place.dial.unreachable = true;
    const { client, events } = world.client({ openTimeoutMs: 0 });
    const begin = world.clock.now();
    await expect(world.run(client.open())).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(world.run(client.ping())).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(world.clock.now() - begin).toBeLessThanOrEqual(50);
    expect(kinds(events)).toEqual(['connecting', 'disconnected', 'connecting', 'disconnected']);
  });

  it('gives up a gateway that says nothing, and says what it may be', async () => {
    await using world = new ClientWorld();
    world.place.dial.frozen = true;
    const { client } = world.client({ connectTimeoutMs: 1_000, openTimeoutMs: 3_000 });
    await expect(world.run(client.open())).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/^a:1 did not say Welcome within 1000 ms/) as string,
    });
    world.place.dial.frozen = false;
    expect((await world.run(client.open())).id).toBeTruthy();
  });

  it('does not blame what was wrong before it was welcome', async () => {
    await using world = new ClientWorld();
    world.place.dial.unreachable = true;
    const { client } = world.client({ openTimeoutMs: 1_000 });
    const opening = client.open('echo');
    await world.clock.advanceAsync(100);
    world.place.dial.unreachable = false;
    await world.run(opening);
    world.place.dial.frozen = true;
    await expect(world.run(client.open('echo'))).rejects.toMatchObject({
      message: 'No gateway has answered within 1000 ms (openTimeoutMs).',
    });
    world.place.dial.frozen = false;
  });

  it('stops waiting when it is told to, and leaves nothing', async () => {
    await using world = new ClientWorld();
    world.place.dial.unreachable = true;
    const { client } = world.client();
    const abort = new AbortController();
    const opening = client.open('', { signal: abort.signal });
    const pinging = client.ping({ signal: abort.signal });
    await world.clock.advanceAsync(120);
    abort.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    await expect(pinging).rejects.toThrow('enough');
    expect(client.sessions).toBe(0);
    await expect(client.open('', { signal: abort.signal })).rejects.toThrow('enough');
  });
});

describe('a client whose connections break', () => {
  it('goes on with each session where it was', async () => {
    await using world = new ClientWorld();
    const { client } = world.client();
    const sessions = await Promise.all(upTo(5).map(() => world.run(client.open('echo'))));
    const exchanges = sessions.map((session) => new Exchange(session, 300));
    for (let i = 0; i < 20; i += 1) {
      await world.clock.advanceAsync(1);
      world.place.dial.breakConnections();
      await world.clock.advanceAsync(i * 13);
    }
    await world.run(Promise.all(exchanges.map(({ work }) => work)));
    for (const { received } of exchanges) expect(received).toEqual(upTo(300));
  });

  it('comes back at once, and is no hammer where that happens again and again', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client();
    await world.run(client.open('echo'));
    const retries = (): (number | undefined)[] =>
      events.flatMap((event) => (event.kind === 'disconnected' ? [event.retryInMs] : []));
    await world.clock.advanceAsync(10_000);
    for (let i = 0; i < 20; i += 1) {
      world.place.dial.breakConnections();
      const before = events.length;
      await world.until(() => events.slice(before).some(({ kind }) => kind === 'connected'));
      await world.clock.settle();
    }
    expect(retries()[0]).toBe(0);
    expect(retries().slice(1)).toEqual(upTo(19).map((n) => Math.min(50 * 2 ** (n - 1), 1_000)));
  });

  it('finds out that the network is dead, though nothing says so', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client({ connectTimeoutMs: 1_000 });
    const session = await world.run(client.open('echo'));
    await world.run(session.send('1'));
    world.place.dial.frozen = true;
    const begin = world.clock.now();
    await world.until(() => events.some(({ kind }) => kind === 'disconnected'));
    // Two heartbeat intervals of config/test.yaml, and what a look more takes.
    expect(world.clock.now() - begin).toBeLessThanOrEqual(2_250);
    expect(events.at(-1)).toMatchObject({ kind: 'connecting' });
    world.place.dial.frozen = false;
    expect((await world.run(session.receive()))?.text).toBe('1');
  });

  it('tells of a gateway that forgot, and goes on where that is wanted', async () => {
    await using world = new ClientWorld();
    const { client } = world.client();
    const resets: string[] = [];
    const session = await world.run(
      client.open('echo', {
        onReset: ({ error }) => {
          resets.push(error.code);
        },
      }),
    );
    const other = await world.run(client.open('echo'));
    await world.place.restart();
    await world.run(session.sendAndWait('still here'));
    expect(resets).toEqual(['RESET']);
    expect((await world.run(session.receive()))?.text).toBe('still here');
    expect((await world.run(other.closed)).error).toMatchObject({ code: 'RESET' });
    expect(client.sessions).toBe(1);
  });

  it('waits as long as the gateway asks', async () => {
    await using world = new ClientWorld({ settings: { 'pool.maxConnections': 1 } });
    const first = world.client();
    await world.run(first.client.open('echo'));
    const { client, events } = world.client({ openTimeoutMs: 60_000 });
    const opening = client.open('echo');
    await world.until(() => events.some(({ kind }) => kind === 'disconnected'));
    const refusal = events.find(({ kind }) => kind === 'disconnected') as ClientEvent & {
      kind: 'disconnected';
    };
    expect(refusal.error?.code).toBe('CONNECTION_LIMIT');
    expect(refusal.error?.retryAfterMs).toBeGreaterThan(0);
    expect(refusal.retryInMs).toBeGreaterThanOrEqual(refusal.error?.retryAfterMs ?? Infinity);
    await world.run(first.client.close());
    await world.run(opening);
  });
});

describe('a client of several gateways', () => {
  it('tries one after the other, and keeps to the one that works', async () => {
    await using world = new ClientWorld({ addresses: ['a:1', 'b:1', 'c:1'] });
    world.at('a:1').dial.unreachable = true;
    world.at('b:1').dial.unreachable = true;
    const { client, events } = world.client();
    const begin = world.clock.now();
    const session = await world.run(client.open('echo'));
    expect(world.clock.now()).toBe(begin);
    const addresses = (): string[] =>
      events.flatMap((event) => (event.kind === 'connecting' ? [event.address] : []));
    expect(addresses()).toEqual(['a:1', 'b:1', 'c:1']);
    world.at('a:1').dial.unreachable = false;
    world.at('c:1').dial.breakConnections();
    await world.run(session.sendAndWait('1'));
    expect(addresses().slice(3)).toEqual(['c:1']);
  });

  it('goes to another when its own is gone: a reset', async () => {
    await using world = new ClientWorld({ addresses: ['a:1', 'b:1'] });
    const { client, events } = world.client();
    const session = await world.run(client.open('echo', { onReset: ({ resend }) => resend() }));
    world.at('a:1').dial.unreachable = true;
    world.at('a:1').dial.breakConnections();
    await world.run(session.sendAndWait('there'));
    expect(events.at(-1)).toMatchObject({ kind: 'connected', address: 'b:1' });
    expect(world.at('b:1').gateway.sessions).toBe(1);
  });

  it('does not give a session up for a moment in which its own gateway can not be reached', async () => {
    await using world = new ClientWorld({ addresses: ['a:1', 'b:1'] });
    const { client } = world.client();
    const session = await world.run(client.open('echo'));
    world.at('a:1').dial.unreachable = true;
    world.at('a:1').dial.breakConnections();
    await world.clock.advanceAsync(1_000);
    // What is new does not wait for that.
    await world.run(client.open('echo'));
    expect(world.at('b:1').gateway.sessions).toBe(1);
    world.at('a:1').dial.unreachable = false;
    await world.run(session.sendAndWait('not lost'));
    expect(world.at('a:1').gateway.sessions).toBe(1);
  });

  it('waits only after each was tried', async () => {
    await using world = new ClientWorld({ addresses: ['a:1', 'b:1'] });
    world.at('a:1').dial.unreachable = true;
    world.at('b:1').dial.unreachable = true;
    const { client, events } = world.client({ openTimeoutMs: 0 });
    await expect(world.run(client.open())).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(kinds(events)).toEqual(['connecting', 'disconnected', 'connecting', 'disconnected']);
  });
});

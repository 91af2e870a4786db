import { describe, expect, it, vi } from 'vitest';
import { ClientError } from '../../../src/client/client-error.js';
import type { Interceptor } from '../../../src/client/interceptor.js';
import { ClientWorld } from '../../helpers/client-world.js';
import { NumberExchange } from '../../helpers/number-exchange.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('Client', () => {
  it('connects when something is opened, and says what it does', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client({ clientId: 'ann', metadata: { 'x-mine': '1' } });
    expect(client.state).toBe('idle');
    expect(client.clientId).toBe('ann');
    const opening = client.open('echo');
    await Promise.resolve();
    expect(client.sessions).toBe(1);
    const session = await world.run(opening);
    expect(client.state).toBe('connected');
    await world.run(session.sendAndWait('hello'));
    expect((await world.run(session.receive()))?.text).toBe('hello');
    await world.run(session.close());
    expect(client.sessions).toBe(0);
    await world.run(client.close());
    expect(client.state).toBe('closed');
    expect(events).toMatchObject([
      { kind: 'connecting', address: 'a:1' },
      { kind: 'connected', address: 'a:1', clientId: 'ann', nodeId: 'test' },
    ]);
  });

  it('makes many calls at once, of which Node.js warns nobody', async () => {
    await using world = new ClientWorld();
    const { client } = world.client();
    const calls = upTo(20).map((n) => client.publish('a/b', `${n}`).catch((error: unknown) => error));
    const many = [
      ...calls,
      ...upTo(20).map(() =>
        client
          .subscribe('a/b')
          .receive()
          .catch(() => undefined),
      ),
    ];
    // A warning fails the test (test/helpers/leak-check-setup.ts).
    await world.run(Promise.all(many));
    await expect(calls[0]).resolves.toMatchObject({ code: 'UNKNOWN_ROUTE' });
  });

  it('keeps the name that the gateway gave it', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client();
    const session = await world.run(client.open('echo'));
    const { clientId } = client;
    expect(clientId).toMatch(/./);
    world.place.dial.breakConnections();
    await world.run(session.sendAndWait('x'));
    expect(client.clientId).toBe(clientId);
    expect(events.filter(({ kind }) => kind === 'connected')).toHaveLength(2);
  });

  it('opens what there is, and says what there is not', async () => {
    await using world = new ClientWorld();
    const { client } = world.client();
    await expect(world.run(client.open('nowhere'))).rejects.toMatchObject({
      code: 'UNKNOWN_ROUTE',
      retry: 'never',
      scope: 'session',
    });
    await expect(client.open('echo', { id: '' })).rejects.toBeInstanceOf(TypeError);
    await expect(client.open('echo', { window: { messages: 0 } })).rejects.toThrow(/window\.messages/);
    expect(client.sessions).toBe(0);
    await world.run(client.open('echo', { id: 's' }));
    await expect(client.open('echo', { id: 's' })).rejects.toMatchObject({
      code: 'SESSION_IN_USE',
      message: 'This client has a session "s": close that one first, or choose another id.',
    });
  });

  it('replaces a session that another process of this client has left behind', async () => {
    await using world = new ClientWorld();
    const first = world.client({ clientId: 'ann' });
    const old = await world.run(first.client.open('echo', { id: 's' }));
    world.place.dial.unreachable = true;
    world.place.dial.breakConnections();
    await world.clock.settle();
    world.place.dial.unreachable = false;
    const second = world.client({ clientId: 'ann' });
    const session = await world.run(second.client.open('echo', { id: 's' }));
    await world.run(session.sendAndWait('mine'));
    expect((await world.run(old.closed)).error?.code).toBeTruthy();
  });

  it('measures round trips, connecting where needed', async () => {
    await using world = new ClientWorld();
    const { client } = world.client();
    expect(await world.run(client.ping())).toBe(0);
    expect(client.state).toBe('connected');
    expect(await world.run(client.ping())).toBe(0);
    // Nobody answers any more: it is told when the connection is given up.
    world.place.dial.frozen = true;
    await expect(world.run(client.ping())).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    world.place.dial.frozen = false;
    const abort = new AbortController();
    const pinging = client.ping({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(pinging).rejects.toThrow('enough');
  });

  it('lets interceptors around open: the first is outermost', async () => {
    await using world = new ClientWorld();
    const said: string[] = [];
    const named = (name: string): Interceptor => ({
      async open(request, next) {
        said.push(`${name} ${request.route}`);
        const session = await next({ ...request, route: request.route.slice(1) });
        said.push(`${name} opened`);
        return session;
      },
    });
    const { client } = world.client({
      interceptors: [named('a'), { receive: (message) => message }, named('b')],
    });
    const session = await world.run(client.open('12echo'));
    expect(session.route).toBe('echo');
    expect(said).toEqual(['a 12echo', 'b 2echo', 'b opened', 'a opened']);
    const denying = world.client({
      interceptors: [
        {
          open: () => {
            throw new Error('not here');
          },
        },
      ],
    });
    await expect(denying.client.open()).rejects.toThrow('not here');
    expect(denying.client.sessions).toBe(0);
  });

  it('goes on though the one it tells throws', async () => {
    await using world = new ClientWorld();
    const thrown: unknown[] = [];
    // Where it would be an uncaught exception.
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
      try {
        callback();
      } catch (error) {
        thrown.push(error);
      }
    });
    try {
      const { client } = world.client({
        onEvent: ({ kind }) => {
          if (kind === 'connected') throw new Error('a bad light');
        },
      });
      await world.run(client.open('echo'));
      await world.clock.settle();
    } finally {
      later.mockRestore();
    }
    expect(thrown).toMatchObject([{ message: 'a bad light' }]);
  });

  describe('close', () => {
    it('lets everything that was sent arrive, and leaves nothing, with much under way', async () => {
      await using world = new ClientWorld();
      const { client } = world.client({ sessionsPerStream: 4 });
      const sessions = [];
      for (let i = 0; i < 20; i += 1) sessions.push(await world.run(client.open('echo')));
      const sent: Promise<unknown>[] = [];
      for (const session of sessions) {
        for (const number of upTo(50)) sent.push(session.sendAndWait(String(number)));
      }
      await world.run(client.close());
      await Promise.all(sent);
      expect(client.sessions).toBe(0);
      expect(world.place.gateway.sessions).toBe(0);
      expect(world.place.gateway.connections).toBe(0);
      expect(world.place.dial.openStreams).toBe(0);
    });

    it('is the end: what waits is told, and what comes later', async () => {
      await using world = new ClientWorld();
      const { client } = world.client();
      const session = await world.run(client.open('echo'));
      world.place.dial.unreachable = true;
      const other = world.client();
      const opening = other.client.open('echo').catch((error: unknown) => error);
      const pinging = other.client.ping().catch((error: unknown) => error);
      await world.clock.advanceAsync(10);
      await world.run(Promise.all([other.client.close(), other.client.close()]));
      expect(await opening).toMatchObject({ code: 'CLOSED' });
      expect(await pinging).toMatchObject({ code: 'CLOSED' });
      await expect(other.client.open()).rejects.toMatchObject({ code: 'CLOSED', retry: 'never' });
      await expect(other.client.ping()).rejects.toBeInstanceOf(ClientError);
      await world.run(client.close());
      await world.run(client.close());
      expect(await session.closed).toMatchObject({ discarded: 0 });
      await expect(session.send('x')).rejects.toMatchObject({ code: 'CLOSED' });
    });

    it('does not wait for ever: after the grace what is left has ended', async () => {
      await using world = new ClientWorld();
      const { client } = world.client();
      const session = await world.run(client.open('echo'));
      const exchange = new NumberExchange(session, 100_000);
      exchange.work.catch(() => undefined);
      world.place.dial.frozen = true;
      const begin = world.clock.now();
      await world.run(client.close({ graceMs: 1_000 }));
      expect(world.clock.now() - begin).toBeLessThanOrEqual(2_000);
      expect((await session.closed).error).toMatchObject({ code: 'CLOSED' });
      await expect(exchange.work).rejects.toMatchObject({ code: 'CLOSED' });
      world.place.dial.frozen = false;
    });

    it('is cut short by its signal, and is complete all the same', async () => {
      await using world = new ClientWorld();
      const { client } = world.client();
      const session = await world.run(client.open('echo'));
      world.place.dial.frozen = true;
      await world.run(session.send('x'));
      const abort = new AbortController();
      const begin = world.clock.now();
      const closing = client.close({ signal: abort.signal });
      const late = client.close();
      await world.clock.settle();
      abort.abort(new Error('now'));
      await expect(world.run(closing)).rejects.toThrow('now');
      await late;
      expect(world.clock.now()).toBe(begin);
      expect(client.state).toBe('closed');
      world.place.dial.frozen = false;
      await expect(client.close({ graceMs: Number.NaN })).rejects.toBeInstanceOf(TypeError);
    });

    it('waits for a connection that is gone for a moment only', async () => {
      await using world = new ClientWorld();
      const { client } = world.client();
      const session = await world.run(client.open('echo'));
      const sent = session.sendAndWait('the last word');
      world.place.dial.unreachable = true;
      world.place.dial.breakConnections();
      await world.clock.settle();
      const closing = client.close();
      await world.clock.advanceAsync(500);
      world.place.dial.unreachable = false;
      await world.run(closing);
      await sent;
      expect((await session.closed).error).toBeUndefined();
    });

    it('comes with `await using`', async () => {
      await using world = new ClientWorld();
      const { client } = world.client();
      const opening = (async () => {
        await using own = client;
        await own.open('echo');
      })();
      await world.run(opening);
      expect(client.state).toBe('closed');
    });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import type { ClientEvent } from '../../../src/client/client-event.js';
import { pageWakeUps } from '../../../src/client/page-wake-ups.js';
import { ClientWorld } from '../../helpers/client-world.js';

/** A client that the test wakes. */
function sleepy(world: ClientWorld) {
  const events: ClientEvent['kind'][] = [];
  const tellers = new Set<() => void>();
  const client = new Client(
    ['a:1'],
    { onEvent: ({ kind }) => events.push(kind) },
    {
      dial: world.dial,
      clock: world.clock,
      random: () => 0.999,
      wakeUps: (wake) => {
        tellers.add(wake);
        return () => tellers.delete(wake);
      },
    },
  );
  const wakes = (): void => {
    for (const wake of tellers) wake();
  };
  return { client, events, tellers, wakes };
}

describe('a client that is woken', () => {
  it('gives up a connection that does not answer, long before its silence would tell', async () => {
    await using world = new ClientWorld({
      settings: {
        'stream.heartbeatInterval': '60s',
        'stream.receiveTimeout': '2m',
        'session.resumeWindow': '1m',
        'session.idleTimeout': '2m',
      },
    });
    const { client, events, wakes } = sleepy(world);
    const session = await world.run(client.open('echo'));
    world.place.dial.frozen = true;
    wakes();
    await world.clock.advanceAsync(2_999);
    expect(events).toEqual(['connecting', 'connected']);
    await world.clock.advanceAsync(1);
    expect(events).toEqual(['connecting', 'connected', 'disconnected', 'connecting']);
    world.place.dial.frozen = false;
    await world.run(session.sendAndWait('still here'));
    await world.run(client.close());
  });

  it('keeps one that answers, and asks once a second at most', async () => {
    await using world = new ClientWorld();
    const { client, events, wakes } = sleepy(world);
    await world.run(client.open('echo'));
    for (let n = 0; n < 20; n += 1) {
      wakes();
      await world.clock.advanceAsync(500);
    }
    expect(events).toEqual(['connecting', 'connected']);
    await world.run(client.close());
  });

  it('waits no longer before it tries again', async () => {
    await using world = new ClientWorld();
    const { client, events, wakes } = sleepy(world);
    const session = await world.run(client.open('echo'));
    world.place.dial.unreachable = true;
    world.place.dial.breakConnections();
    await world.clock.advanceAsync(8_000);
    world.place.dial.unreachable = false;
    events.length = 0;
    wakes();
    await world.clock.settle();
    expect(events).toEqual(['connecting', 'connected']);
    expect(session.isOpen).toBe(true);
    await world.run(client.close());
  });

  it('is woken no more once it is closed', async () => {
    await using world = new ClientWorld();
    const { client, tellers, wakes } = sleepy(world);
    const closed = client.close();
    expect(tellers.size).toBe(0);
    wakes();
    await world.run(closed);
  });
});

describe('a page', () => {
  afterEach(() => {
    for (const name of ['document', 'addEventListener', 'removeEventListener'])
      Reflect.deleteProperty(globalThis, name);
  });

  it('wakes when it is seen again, thawed, gone back to, or online, until that is ended', () => {
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    const window = new EventTarget();
    Object.assign(globalThis, {
      document,
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
    });
    let woken = 0;
    const end = pageWakeUps(() => {
      woken += 1;
    });
    const all = (): void => {
      for (const type of ['visibilitychange', 'resume']) document.dispatchEvent(new Event(type));
      for (const type of ['pageshow', 'online']) window.dispatchEvent(new Event(type));
    };
    all();
    expect(woken).toBe(4);
    document.visibilityState = 'hidden';
    all();
    expect(woken).toBe(4);
    document.visibilityState = 'visible';
    end();
    all();
    expect(woken).toBe(4);
  });

  it('is not missed where there is none', () => {
    pageWakeUps(() => undefined)();
  });
});

import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { simpleSession } from '../../helpers/simple-session.js';
import { data, TestRoute, WindowedWorld, type WorldOptions } from '../../helpers/windowed-world.js';

const FAILURE = new SluiceError('ROUTE_FAILED', 'as asked');

async function settle(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
}

describe('a session of a simple connection with a pipelined route', () => {
  function opened(route = new TestRoute()) {
    route.pipelined = true;
    route.holds = true;
    const made = simpleSession(route);
    const finish = async (n: number, error?: Error): Promise<void> => {
      route.finish(n, error);
      await settle();
    };
    const texts = (): string[] => route.handled.map((message) => new TextDecoder().decode(message.data));
    return { ...made, route, finish, texts };
  }

  it('hands messages over while those before are under way, and counts them in order', async () => {
    const { session, deliver, port, finish, texts, totalUp } = opened();
    for (const text of ['a', 'b', 'c']) deliver(text);
    expect(texts()).toEqual(['a', 'b', 'c']);
    expect(session.inboxLength).toBe(3);
    expect(port.receiveQuota).toMatchObject({ messages: 3, bytes: 3 });
    await finish(3);
    expect(session.up).toMatchObject({ delivered: 0, pending: 3 });
    expect(port.receiveQuota.messages).toBe(3);
    await finish(1);
    expect(session.up).toMatchObject({ delivered: 1, pending: 2 });
    await finish(2);
    expect(session.up).toMatchObject({ delivered: 3, pending: 0 });
    expect(totalUp.delivered).toBe(3);
    expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
    expect(session.inboxLength).toBe(0);
  });

  it('tells each failure at its place, also one that is known at once', async () => {
    const { session, deliver, port, finish, route } = opened();
    for (const text of ['a', 'b']) deliver(text);
    route.onMessage = () => {
      throw new Error('c');
    };
    deliver('c');
    await finish(2, new Error('b'));
    expect(port.failures).toEqual([]);
    await finish(1);
    expect(port.failures).toEqual([new Error('b'), new Error('c')]);
    expect(session.up).toMatchObject({ admitted: 3, delivered: 3, pending: 0 });
    deliver('d');
    expect(port.failures).toHaveLength(3);
    expect(port.receiveQuota.messages).toBe(0);
  });

  it('counts what is done at once at its place, too', async () => {
    const { session, deliver, port, finish, route } = opened();
    deliver('a');
    route.holds = false;
    deliver('b');
    expect(session.up.delivered).toBe(0);
    expect(port.receiveQuota.messages).toBe(2);
    await finish(1);
    expect(session.up.delivered).toBe(2);
    deliver('c');
    expect(session.up.delivered).toBe(3);
    expect(port.receiveQuota.messages).toBe(0);
  });

  it('closed, it drops all that did not count, and hears of nothing any more', async () => {
    const { session, deliver, port, finish, texts } = opened();
    for (const text of ['a', 'b', 'c', 'd']) deliver(text);
    await finish(2);
    await finish(3, FAILURE);
    port.answersBlocked = true;
    deliver('e');
    session.close('session-closed', new SluiceError('INTERNAL', 'over'));
    expect(session.up).toMatchObject({ admitted: 5, delivered: 0, dropped: 5, pending: 0 });
    // What the route has still is still held.
    expect(port.receiveQuota.messages).toBe(2);
    port.answersBlocked = false;
    await finish(4, FAILURE);
    expect(port.receiveQuota.messages).toBe(1);
    await finish(1);
    expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
    expect(session.up).toMatchObject({ delivered: 0, dropped: 5 });
    expect(session.inboxLength).toBe(0);
    expect([port.failures, texts()]).toEqual([[], ['a', 'b', 'c', 'd']]);
  });

  it('closed from within the handler beside others, it counts that message once', async () => {
    for (const after of [() => undefined, () => Promise.resolve(), () => Promise.reject(FAILURE)]) {
      let calls = 0;
      const { session, deliver, port } = simpleSession({
        kind: 'test',
        pipelined: true,
        open: () => ({
          handle() {
            calls += 1;
            if (calls === 1) return new Promise<void>((resolve) => void (letGo = resolve));
            session.close('session-closed', FAILURE);
            return after();
          },
        }),
      });
      let letGo = (): void => undefined;
      deliver('a');
      deliver('b');
      await settle();
      expect(session.up).toMatchObject({ admitted: 2, delivered: 0, dropped: 2 });
      expect(port.receiveQuota.messages).toBe(1);
      letGo();
      await settle();
      expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
      expect([port.failures, session.inboxLength]).toEqual([[], 0]);
    }
  });

  it('ended, it waits for all of them', async () => {
    const { session, deliver, port, finish } = opened();
    for (const text of ['a', 'b']) deliver(text);
    session.end('enough');
    await finish(2);
    expect(port.drainedWith).toEqual([]);
    await finish(1);
    expect(port.drainedWith).toEqual(['enough']);
  });

  it('tells no failure where its answer would find no room, and goes on when it does', async () => {
    const { session, deliver, port, finish } = opened();
    for (const text of ['a', 'b', 'c', 'd']) deliver(text);
    port.answersBlocked = true;
    await finish(3);
    await finish(2, FAILURE);
    // What was accepted needs no answer.
    const before = port.handledTimes;
    await finish(1);
    expect([session.up.delivered, port.failures]).toEqual([1, []]);
    // The connection has to know that something waits for room.
    expect(port.handledTimes).toBe(before + 1);
    port.answersBlocked = false;
    session.pump();
    expect([session.up.delivered, port.failures]).toEqual([3, [FAILURE]]);
  });

  it('lets the first of several alone keep the chunk it came in', () => {
    const { session, route } = opened();
    const chunk = new Uint8Array(64 * 1024).fill(7);
    for (let n = 0; n < 3; n += 1) session.deliver(dataMessage({ data: chunk.subarray(10, 14) }), 0);
    expect(route.handled.map((message) => message.data.buffer.byteLength)).toEqual([64 * 1024, 4, 4]);
    expect([...(route.handled[2]?.data ?? [])]).toEqual([7, 7, 7, 7]);
  });

  it('hands no message over within the handling of another', () => {
    const route = new TestRoute();
    const { session, deliver, texts } = opened(route);
    let within: readonly string[] = [];
    route.onMessage = () => {
      route.onMessage = () => undefined;
      deliver('b');
      session.pump();
      within = texts();
    };
    deliver('a');
    expect(within).toEqual(['a']);
    session.pump();
    expect(texts()).toEqual(['a', 'b']);
  });
});

describe('an opened session with a pipelined route', () => {
  function opened({ limits, ...options }: WorldOptions = {}, wantsWhole = false) {
    const world = new WindowedWorld({
      limits: { window: { messages: 4, bytes: 1_000 }, ...limits },
      ...options,
    });
    const { route } = world;
    route.pipelined = true;
    route.wantsWhole = wantsWhole;
    route.holds = true;
    const { session, link } = world.opened();
    const finish = async (n: number, error?: Error): Promise<void> => {
      route.finish(n, error);
      await world.clock.settle();
    };
    const errors = (): number[] =>
      link.written.flatMap(({ control }) => (control?.action === 'error' ? [control.sequence] : []));
    return { world, route, session, link, finish, errors };
  }

  it('hands messages over while those before are under way, and acknowledges in order', async () => {
    const { world, route, session, link, finish } = opened();
    for (let n = 1; n <= 4; n += 1) session.receive(data(n), 0);
    expect([route.handled.length, session.unhandled]).toMatchObject([4, { messages: 4, bytes: 40 }]);
    const held = world.account.bytes;
    await finish(3);
    await finish(2);
    expect([link.words, session.owesAck, world.account.bytes]).toEqual([['opened'], false, held]);
    await finish(1);
    expect(link.words).toEqual(['opened', 'ack 3']);
    expect(session.unhandled).toMatchObject({ messages: 1, bytes: 10 });
    expect(world.account.bytes).toBeLessThan(held);
    await finish(4);
    session.writeAck();
    expect(link.words.at(-1)).toBe('ack 4');
    expect([world.account.bytes, session.isHandled]).toEqual([0, true]);
    world.windowed.stop();
  });

  it('tells each failure at its place, behind an ack that covers none of it', async () => {
    const { world, route, session, link, finish, errors } = opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    route.onMessage = () => {
      throw FAILURE;
    };
    session.receive(data(4), 0);
    await finish(2, FAILURE);
    expect([errors(), world.faults]).toEqual([[], []]);
    await finish(1);
    expect(errors()).toEqual([2]);
    await finish(3);
    expect(errors()).toEqual([2, 4]);
    expect(link.words).toEqual(['opened', 'error ROUTE_FAILED', 'ack 2', 'error ROUTE_FAILED', 'ack 4']);
    world.windowed.stop();
  });

  it('takes whole payloads beside one another; an Error names the last piece', async () => {
    const { world, route, session, finish, errors } = opened({}, true);
    session.receive(data(1, 10, true), 0);
    session.receive(data(2), 0);
    session.receive(data(3), 0);
    session.receive(data(4, 10, true), 0);
    expect(route.handled.map(({ sequence, data: { length } }) => [sequence, length])).toEqual([
      [2, 20],
      [3, 10],
    ]);
    await finish(2);
    expect(session.unhandled.messages).toBe(4);
    await finish(1, FAILURE);
    expect([errors(), session.unhandled.messages]).toEqual([[2], 1]);
    world.windowed.stop();
  });

  it('is bounded by its window; what settles after its end changes nothing', async () => {
    const { world, route, session, link, finish } = opened();
    for (let n = 1; n <= 5; n += 1) session.receive(data(n), 0);
    expect([route.handled.length, link.words]).toEqual([4, ['opened', 'closed WINDOW_EXCEEDED']]);
    for (const n of [2, 1, 3]) await finish(n);
    await finish(4, FAILURE);
    expect([world.faults, link.words.length, world.account.bytes]).toEqual([[], 2, 0]);
    expect(world.totals.up).toMatchObject({ admitted: 4, delivered: 0, dropped: 4, pending: 0 });
    world.windowed.stop();
  });

  it('ended by its route, also from within a message, it drops what is under way', async () => {
    const { world, route, session, link, finish } = opened();
    for (let n = 1; n <= 2; n += 1) session.receive(data(n), 0);
    await finish(2);
    void route.session.send({ data: Uint8Array.of(1) });
    route.onMessage = (_message, own) => {
      own.end('enough');
    };
    session.receive(data(3), 0);
    expect([session.state, session.unhandled.messages]).toEqual(['finishing', 0]);
    await finish(1);
    await finish(3);
    world.take(session);
    session.acknowledge(1);
    expect(link.last('closed')).toMatchObject({ code: '', reason: 'enough' });
    expect(link.written.at(-1)?.ack).toBe(0);
    expect(world.totals.up).toMatchObject({ delivered: 0, dropped: 3, pending: 0 });
    expect(world.account.bytes).toBe(0);
    world.windowed.stop();
  });

  it('closed by its client, it is closed when all count; until then its route may send', async () => {
    const { world, route, session, link, finish } = opened();
    for (let n = 1; n <= 2; n += 1) session.receive(data(n), 0);
    session.close();
    await finish(2);
    expect([session.state, session.isHandled]).toEqual(['closing', false]);
    void route.session.send({ data: Uint8Array.of(1) });
    await finish(1);
    expect([session.state, session.isHandled]).toEqual(['finishing', true]);
    expect(world.take(session)).toMatchObject([{ ack: 2 }]);
    session.acknowledge(1);
    expect(link.words.at(-1)).toBe('closed');
    world.windowed.stop();
  });

  it('tells no failure where its answer would find no room: on the same connection, none, or the next', async () => {
    const ways: readonly (readonly [
      string,
      (world: WindowedWorld, first: ReturnType<typeof opened>) => void,
    ])[] = [
      [
        'room is made',
        (_world, { session, link }) => {
          link.answersBlocked = false;
          session.resumeHandling();
        },
      ],
      [
        'the connection is lost',
        (world, { session }) => {
          world.windowed.detach(session);
        },
      ],
      [
        'another takes it over',
        (world) => {
          world.open({ resume: true, attempt: 2 });
        },
      ],
    ];
    for (const [way, happens] of ways) {
      const made = opened();
      const { world, session, link, finish, errors } = made;
      for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
      link.answersBlocked = true;
      await finish(1, FAILURE);
      await finish(2);
      expect([errors(), session.unhandled.messages, world.totals.up.delivered], way).toEqual([[], 3, 0]);
      happens(world, made);
      expect([session.unhandled.messages, world.totals.up.delivered], way).toEqual([1, 2]);
      expect(world.faults, way).toEqual([FAILURE]);
      expect(session.errorBytes, way).toBeGreaterThan(0);
      world.windowed.stop();
    }
  });
});

import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import type { RouteHandler, RouteSession } from '../../../src/session/route.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';
import { simpleSession } from '../../helpers/simple-session.js';

function open(handler: RouteHandler | ((session: RouteSession) => RouteHandler), wantsRecent = false) {
  return simpleSession({
    kind: 'test',
    wantsRecent,
    open: (session) => (typeof handler === 'function' ? handler(session) : handler),
  });
}

/** A handler whose messages wait until they are let go. */
function gated() {
  const started: string[] = [];
  const waiting: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const handler: RouteHandler = {
    async handle(message) {
      running += 1;
      most = Math.max(most, running);
      started.push(new TextDecoder().decode(message.data));
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
      running -= 1;
    },
  };
  const settle = async (): Promise<void> => {
    waiting.shift()?.();
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
  };
  return { handler, started, settle, most: () => most };
}

describe('SimpleSession', () => {
  it('hands messages over in order and one at a time', async () => {
    const gate = gated();
    const { session, deliver, port } = open(gate.handler);
    for (const text of ['a', 'b', 'c']) deliver(text);
    expect(gate.started).toEqual(['a']);
    expect(port.receiveQuota.messages).toBe(3);
    await gate.settle();
    expect(gate.started).toEqual(['a', 'b']);
    await gate.settle();
    await gate.settle();
    expect(gate.started).toEqual(['a', 'b', 'c']);
    expect(gate.most()).toBe(1);
    expect(session.up).toMatchObject({ admitted: 3, delivered: 3, pending: 0 });
    expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
  });

  it('a message its route fails on is delivered, reported, and stops nothing', async () => {
    let calls = 0;
    const { session, deliver, port } = open({
      handle() {
        calls += 1;
        if (calls === 1) throw new Error('sync');
        if (calls === 2) return Promise.reject(new Error('async'));
        return undefined;
      },
    });
    for (const text of ['a', 'b', 'c']) deliver(text);
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    expect(port.failures.map((error) => (error as Error).message)).toEqual(['sync', 'async']);
    expect(session.up).toMatchObject({ admitted: 3, delivered: 3, pending: 0 });
  });

  it('counts what it had not handled as dropped when it is closed, once', async () => {
    const gate = gated();
    const { session, deliver, port, totalUp } = open(gate.handler);
    for (const text of ['a', 'b', 'c']) deliver(text);
    const error = new SluiceError('STALE', 'gone');
    session.close('connection-closed', error);
    session.close('connection-closed', error);
    await gate.settle();
    expect(session.up).toMatchObject({ admitted: 3, delivered: 0, dropped: 3, pending: 0 });
    expect(totalUp.droppedBy['connection-closed']).toBe(3);
    expect(gate.started).toEqual(['a']);
    expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
    expect(() => session.send({})).toThrow(error);
    expect(session.signal.aborted).toBe(true);
    expect(session.signal.reason).toBe(error);
  });

  it('ended by its route or client, it handles what came before it says so', async () => {
    const gate = gated();
    const { session, deliver, port } = open(gate.handler);
    deliver('a');
    deliver('b');
    session.end('enough');
    expect(port.drainedWith).toEqual([]);
    await gate.settle();
    await gate.settle();
    expect(port.drainedWith).toEqual(['enough']);
    session.end('again');
    session.pump();
    expect(port.drainedWith).toEqual(['enough']);
    expect(() => session.send({})).toThrow(SluiceError);
  });

  it('handles nothing while answers are blocked, and goes on from pump()', () => {
    const seen: number[] = [];
    const { deliver, port, session } = open({ handle: (message) => void seen.push(message.data.length) });
    port.answersBlocked = true;
    deliver('a');
    deliver('bb');
    expect(seen).toEqual([]);
    port.answersBlocked = false;
    session.pump();
    expect(seen).toEqual([1, 2]);
    expect(port.handledTimes).toBe(1);
  });

  it('keeps the recent messages a route asks for, within both bounds', () => {
    const { session, deliver } = open({ handle: () => undefined }, true);
    const texts = (): string[] => session.recent.map((message) => new TextDecoder().decode(message.data));
    for (const text of ['a', 'b', 'c', 'd']) deliver(text);
    expect(texts()).toEqual(['b', 'c', 'd']);
    deliver('0123456789abcdefghi');
    expect(texts()).toEqual(['d', '0123456789abcdefghi']);
    deliver('more than all twenty bytes');
    expect(texts()).toEqual([]);
  });

  it('does not keep the chunk that a waiting message came in', async () => {
    const seen: DataMessage[] = [];
    let letGo = (): void => undefined;
    const { session } = open({
      handle(message) {
        seen.push(message);
        return seen.length > 1
          ? undefined
          : new Promise<void>((resolve) => {
              letGo = resolve;
            });
      },
    });
    const chunk = new Uint8Array(64 * 1024).fill(7);
    session.deliver(dataMessage({ data: chunk.subarray(10, 14) }), 0);
    session.deliver(dataMessage({ data: chunk.subarray(10, 14) }), 0);
    letGo();
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    expect(seen[0]?.data.buffer.byteLength).toBe(64 * 1024);
    expect(seen[1]?.data.buffer.byteLength).toBe(4);
    expect([...(seen[1]?.data ?? [])]).toEqual([7, 7, 7, 7]);
  });

  it('tells its route once that it is over, and survives a clean-up that throws', () => {
    const { session, port } = open({
      handle: () => undefined,
      closed() {
        throw new Error('clean-up');
      },
    });
    session.close('session-closed', new SluiceError('INTERNAL', 'over'));
    session.close('session-closed', new SluiceError('INTERNAL', 'over'));
    expect(port.faults).toHaveLength(1);
  });

  it('refuses data that is no bytes, which would go out as zeros', () => {
    const { session, port } = open({ handle: () => undefined });
    expect(() => session.send({ data: 'text' as unknown as Uint8Array })).toThrow(/data is of type string/);
    expect(port.sent).toEqual([]);
  });

  it('stamps what it sends with its ID and the time', () => {
    const { session, port } = open({ handle: () => undefined });
    void session.send({ key: 'k', data: new Uint8Array([1]) });
    expect(port.sent[0]).toMatchObject({
      sessionId: 's:1',
      key: 'k',
      sequence: 0,
      timestampMs: 1_700_000_000_000,
    });
  });

  it('ended from within a handler, it finishes that message first', async () => {
    let letGo = (): void => undefined;
    const { session, deliver, port } = open((own) => ({
      async handle() {
        own.end('last one');
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
      },
    }));
    deliver('a');
    expect(port.drainedWith).toEqual([]);
    letGo();
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    expect(port.drainedWith).toEqual(['last one']);
    expect(session.up).toMatchObject({ admitted: 1, delivered: 1, dropped: 0, pending: 0 });
  });

  it('ended from within a handler that returns or throws at once, it says so at once', () => {
    for (const handle of [
      (own: RouteSession): void => {
        own.end('done');
      },
      (own: RouteSession): void => {
        own.end('done');
        throw new Error('and failed');
      },
    ]) {
      const { deliver, port } = open((own) => ({
        handle: () => {
          handle(own);
        },
      }));
      deliver('a');
      expect(port.drainedWith).toEqual(['done']);
    }
  });

  it('closed from within a handler, it counts that message once', async () => {
    for (const after of [() => undefined, () => Promise.resolve(), () => Promise.reject(new Error('late'))]) {
      let close = (): void => undefined;
      const { session, deliver, port } = open({
        handle() {
          close();
          return after();
        },
      });
      close = () => {
        session.close('connection-closed', new SluiceError('INTERNAL', 'over'));
      };
      deliver('a');
      for (let n = 0; n < 5; n += 1) await Promise.resolve();
      expect(session.up).toMatchObject({ admitted: 1, delivered: 0, dropped: 1, pending: 0 });
      expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
      expect(port.failures).toEqual([]);
    }
  });

  it('says that it is drained before it says that its last message is handled', async () => {
    const { session, deliver, port } = open({ handle: () => Promise.resolve() });
    const order: string[] = [];
    port.drained = () => void order.push('drained');
    port.handled = () => void order.push('handled');
    deliver('a');
    session.end();
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    expect(order).toEqual(['drained', 'handled']);
  });

  it('is over for a route that refused it, whatever the route kept', () => {
    let kept: RouteSession | undefined;
    expect(() =>
      open((own) => {
        kept = own;
        throw new Error('not today');
      }),
    ).toThrow('not today');
    expect(() => kept?.send({})).toThrow(SluiceError);
    expect(kept?.signal.aborted).toBe(true);
    kept?.end();
  });

  it('survives a clean-up that fails later', async () => {
    const { session, port } = open({
      handle: () => undefined,
      closed: (): unknown => Promise.reject(new Error('clean-up')),
    });
    session.close('session-closed', new SluiceError('INTERNAL', 'over'));
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    expect(port.faults).toHaveLength(1);
  });

  it('is idle since the last message of either side', () => {
    const { session, port } = open({ handle: () => undefined });
    port.time = 1_000;
    expect(session.idleMs(1_000)).toBe(1_000);
    session.down.admitted += 1;
    expect(session.idleMs(1_500)).toBe(1_500);
    session.noticeSends(1_500);
    expect(session.idleMs(1_500)).toBe(0);
    expect(session.idleMs(1_700)).toBe(200);
  });

  it('is refused where its route gives no handler: nothing it is sent would be handled', () => {
    const none = (() => undefined) as unknown as (session: RouteSession) => RouteHandler;
    expect(() => open(none)).toThrow(/returned no handler/);
  });
});

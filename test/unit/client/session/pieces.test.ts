/** Payloads that the application gives in pieces (`more`): all of one reaches the route, or nothing behind what is missing. */
import { describe, expect, test } from 'vitest';
import { fateOf, Peer } from './peer.js';

const MORE = { more: true };

describe('a piece that nobody waits for any more', () => {
  test('stays where it is: without it the others would be another payload', async () => {
    const peer = new Peer();
    const abort = new AbortController();
    const pieces = [
      peer.session.send('a1', { more: true, signal: abort.signal }),
      peer.session.send('a2', { more: true, signal: abort.signal }),
      peer.session.send('a3', { signal: abort.signal }),
    ].map(fateOf);
    abort.abort('enough');
    expect(await Promise.all(pieces)).toEqual(['enough', 'enough', 'enough']);
    void peer.session.send('b');
    peer.opens();
    expect(peer.reads()).toEqual(['1:a1+', '2:a2+', '3:a3', '4:b']);
  });
});

describe('a piece that is refused', () => {
  const LARGE = 'x'.repeat(300);
  const opened = (peer: Peer) => peer.opens({ windowBytes: 250 }, { maxMessageBytes: 150 });

  test('for want of room, as the first of its payload: the rest of it is refused too', async () => {
    const peer = new Peer({ buffer: { messages: 1 } });
    void peer.session.send('w');
    const pieces = [peer.session.send('a1', MORE), peer.session.send('a2', MORE)].map(fateOf);
    expect(await Promise.all(pieces)).toEqual(['BUFFER_FULL', 'DROPPED']);
    peer.opens();
    await expect(peer.session.send('a3')).rejects.toMatchObject({ code: 'DROPPED' });
    await peer.session.send('b');
    expect(peer.reads()).toEqual(['1:w', '2:b']);
  });

  test('for want of room, in the middle of a payload that waits: all of it is', async () => {
    const peer = new Peer({ buffer: { messages: 2 } });
    const pieces = ['a1', 'a2', 'a3', 'a4'].map((text) => fateOf(peer.session.send(text, MORE)));
    expect(await Promise.all(pieces)).toEqual(['DROPPED', 'DROPPED', 'BUFFER_FULL', 'DROPPED']);
    await expect(peer.session.send('a5')).rejects.toMatchObject({ code: 'DROPPED' });
    const next = fateOf(peer.session.send('b'));
    peer.opens();
    expect(peer.reads()).toEqual(['1:b']);
    expect(await next).toBe('resolved');
  });

  test('and ends its payload: what comes next is sent', async () => {
    const peer = new Peer({ buffer: { messages: 1 } });
    const pieces = [peer.session.send('a1', MORE), peer.session.send('a2')].map(fateOf);
    expect(await Promise.all(pieces)).toEqual(['DROPPED', 'BUFFER_FULL']);
    void peer.session.send('b');
    peer.opens();
    expect(peer.reads()).toEqual(['1:b']);
  });

  test('behind what was sent of its payload: the session ends', async () => {
    const peer = new Peer({ buffer: { messages: 1 } }).opens({ windowMessages: 1 });
    await peer.session.send('a1', MORE);
    void peer.session.send('a2', MORE).catch(() => undefined);
    expect(await fateOf(peer.session.send('a3'))).toBe('BUFFER_FULL');
    const { error, unsettled, unsent } = await peer.session.closed;
    expect([error?.code, unsettled.length, unsent.length]).toEqual(['BUFFER_FULL', 2, 0]);
  });

  test('as too large: the rest of it is refused too', async () => {
    const peer = opened(new Peer());
    const pieces = [peer.session.send(LARGE, MORE), peer.session.send('a2', MORE), peer.session.send('a3')];
    expect(await Promise.all(pieces.map(fateOf))).toEqual(['MESSAGE_TOO_LARGE', 'DROPPED', 'DROPPED']);
    await peer.session.send('b');
    expect(peer.reads()).toEqual(['1:b']);
  });

  test.each([1, 2])(
    'as too large, once it is known how much is: so is the rest (%i of it waits)',
    async (waiting) => {
      const peer = new Peer();
      const send = (text: string, more = true) => fateOf(peer.session.send(text, { more }));
      const rest = [() => send('a2'), () => send('a3', false)];
      const fates = [send('w', false), send(LARGE), ...rest.slice(0, waiting).map((next) => next())];
      opened(peer);
      fates.push(...rest.slice(waiting).map((next) => next()));
      expect(await Promise.all(fates)).toEqual(['resolved', 'MESSAGE_TOO_LARGE', 'DROPPED', 'DROPPED']);
      await peer.session.send('b');
      expect(peer.reads()).toEqual(['1:w', '2:b']);
    },
  );

  test('as too large, behind what was sent of its payload: the session ends', async () => {
    const peer = new Peer();
    const pieces = [peer.session.send('a1', MORE), peer.session.send(LARGE, MORE), peer.session.send('a3')];
    const fates = pieces.map(fateOf);
    opened(peer);
    await peer.whenOpened;
    expect(await Promise.all(fates)).toEqual(['resolved', 'MESSAGE_TOO_LARGE', 'MESSAGE_TOO_LARGE']);
    expect((await peer.session.closed).error?.code).toBe('MESSAGE_TOO_LARGE');
    expect(peer.reads()).toEqual(['CLOSE']);
  });
});

describe('a reset within a payload of which the gateway has handled a part', () => {
  test.each([false, true])(
    'takes the rest along, what waits and what comes (sent again: %s)',
    async (again) => {
      const resets: string[][] = [];
      const peer = new Peer({
        onReset: ({ unsettled, resend }) => {
          resets.push(unsettled.map(({ data }) => Buffer.from(data).toString()));
          if (again) resend();
        },
      }).opens({ windowMessages: 1 });
      await peer.session.send('a1', MORE);
      peer.reads();
      peer.acks(1);
      await peer.session.send('a2', MORE);
      peer.reads();
      const waiting = fateOf(peer.session.send('a3', MORE));
      peer.closes('OVERLOADED', { retry: 2 });
      expect(resets).toEqual([['a2', 'a3']]);
      expect(await waiting).toBe('OVERLOADED');
      await expect(peer.session.send('a4')).rejects.toMatchObject({ code: 'DROPPED' });
      void peer.session.send('b');
      peer.opens();
      expect(peer.reads()).toEqual(['1:b']);
    },
  );

  test('even where all that was sent of it is handled', async () => {
    const peer = new Peer({ onReset: () => undefined }).opens();
    await peer.session.send('a1', MORE);
    peer.reads();
    peer.acks(1);
    peer.closes('OVERLOADED', { retry: 2 });
    await expect(peer.session.send('a2')).rejects.toMatchObject({ code: 'DROPPED' });
    void peer.session.send('b');
    peer.opens();
    expect(peer.reads()).toEqual(['1:b']);
  });

  test('leaves alone what was sent before and behind it', async () => {
    const peer = new Peer({
      onReset: ({ resend }) => {
        resend();
      },
    }).opens();
    for (const [text, more] of [
      ['a1', true],
      ['a2', false],
      ['b', false],
      ['c1', true],
    ] as const)
      await peer.session.send(text, { more });
    peer.reads();
    peer.acks(1);
    peer.closes('OVERLOADED', { retry: 2 });
    void peer.session.send('c2');
    peer.opens();
    expect(peer.reads()).toEqual(['1:b', '2:c1+', '3:c2']);
  });
});

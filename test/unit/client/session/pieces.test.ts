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

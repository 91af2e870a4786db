import { expect, test } from 'vitest';
import { fateOf, Peer } from './peer.js';

test('a session opens, sends, receives and ends', async () => {
  const peer = new Peer().attach();
  expect(peer.reads()).toEqual(['OPEN 1']);
  expect(await fateOf(peer.whenOpened)).toBe('pending');
  peer.opens();
  await peer.whenOpened;
  expect(peer.session.isOpen).toBe(true);

  await peer.session.send('a');
  const settled = peer.session.sendAndWait('b');
  expect(peer.reads()).toEqual(['1:a', '2:b']);
  peer.acks(1);
  expect(await fateOf(settled)).toBe('pending');
  peer.acks(2);
  await settled;

  peer.data(1, 'x').data(2, 'y');
  expect((await peer.session.receive())?.text).toBe('x');
  expect(peer.reads()).toEqual([]);
  expect((await peer.session.receive())?.text).toBe('y');
  expect(peer.reads()).toEqual(['ACK 1']);
  peer.session.end();
  expect(peer.reads()).toEqual(['ACK 2', 'CLOSE']);
  peer.closes();
  expect(await peer.session.receive()).toBeUndefined();
  expect(await peer.session.closed).toEqual({
    error: undefined,
    discarded: 0,
    failed: 0,
    unsettled: [],
    unsent: [],
  });
  expect(peer.overs).toBe(1);
  expect(peer.clock.activeTimers).toBe(0);
});

test('what a broken connection lost is sent again behind what the gateway has, and its ack comes first', async () => {
  const peer = new Peer().opens();
  for (const text of ['a', 'b', 'c']) await peer.session.send(text);
  peer.data(1);
  await peer.session.receive();
  const next = peer.session.receive();
  expect(peer.reads()).toEqual(['1:a ack 1', '2:b ack 1', '3:c ack 1']);
  peer.attached.detach();
  const waiting = peer.session.send('d');
  expect(await fateOf(waiting)).toBe('pending');
  peer.attach();
  expect(peer.reads()).toEqual(['OPEN 2 resume at 1']);
  peer.says(
    {
      action: 'opened',
      resumed: true,
      resumeToken: peer.open?.resumeToken ?? new Uint8Array(),
      lastReceivedSequence: 2,
      windowMessages: 64,
      windowBytes: 65536,
    },
    1,
  );
  await waiting;
  expect(peer.reads()).toEqual(['ACK 1', '3:c ack 1', '4:d ack 1']);
  peer.data(2);
  expect((await next)?.text).toBe('2');
});

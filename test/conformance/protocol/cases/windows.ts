import assert from 'node:assert/strict';
import { OverflowPolicy } from '../../../../src/wire/messages.js';
import { Skipped } from '../../skipped.js';
import type { Section } from '../case.js';
import { opened, openedOn } from '../scenes.js';
import { ack, changeWindow, data, open, pause, unpause } from '../say.js';

export const windows: Section = {
  title: 'Windows',
  cases: [
    {
      name: 'count messages in flight, not differences of sequences',
      async run(stage) {
        const { peer, session } = await opened(stage, {
          windowMessages: 2,
          overflow: OverflowPolicy.CONFLATE,
        });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(pause(session), data(session, 2, { produce: 10, key: 'k' }));
        await peer.acked(session, 2);
        peer.write(unpause(session));
        await peer.reads(session, 'GAP 2-10 overflow', 'DATA 11 #10');
      },
    },
    {
      name: 'count data, key and metadata, towards the client',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowBytes: 100 });
        // With `n` and its digit 92 bytes each, 42 without the key.
        peer.write(data(session, 1, { produce: 2, size: 40, key: 'k'.repeat(50) }));
        await peer.reads(session, 'DATA 1');
        await peer.silent(session);
        peer.write(ack(session, 1));
        await peer.reads(session, 'DATA 2');
        peer.write(ack(session, 2), data(session, 2, { produce: 3, size: 40 }));
        await peer.reads(session, 'DATA 3', 'DATA 4');
        await peer.silent(session);
      },
    },
    {
      name: 'count data, key and metadata, from the client: what fills the window exactly is no offence, a byte more is',
      async run(stage) {
        const peer = stage.dial();
        const { maxMessageBytes } = await peer.welcomed();
        const session = stage.session();
        const { windowBytes } = await openedOn(peer, session);
        if (windowBytes + 100 > maxMessageBytes)
          throw new Skipped('a message can not be as large as the window');
        const first = data(session, 1, { never: '' });
        const key = 'k'.repeat(1_000);
        const rest = windowBytes - 'm1never'.length - key.length - 'accept'.length;
        peer.write(first, data(session, 2, { accept: '' }, { key, data: new Uint8Array(rest) }));
        await peer.silent(session);
        peer.write(data(session, 3, {}, { data: new Uint8Array(1) }));
        await peer.reads(session, 'CLOSED WINDOW_EXCEEDED ack 0');
      },
    },
    {
      name: 'one message always fits when nothing is in flight, towards the client',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowBytes: 1 });
        peer.write(data(session, 1, { produce: 3, size: 5_000 }));
        await peer.reads(session, 'DATA 1');
        await peer.silent(session);
        peer.write(ack(session, 1));
        await peer.reads(session, 'DATA 2');
        await peer.silent(session);
      },
    },
    {
      name: 'one message always fits when nothing is in flight, from the client',
      async run(stage) {
        const peer = stage.dial();
        const { maxMessageBytes } = await peer.welcomed();
        const session = stage.session();
        const { windowBytes } = await openedOn(peer, session);
        if (windowBytes + 1_000 > maxMessageBytes)
          throw new Skipped('a message can not be larger than the window');
        peer.write(data(session, 1, { accept: '' }, { data: new Uint8Array(windowBytes + 100) }));
        await peer.acked(session, 1);
        peer.write(data(session, 2));
        await peer.reads(session, 'DATA 1 "m2"');
      },
    },
    {
      name: 'a client may ask for a window of one message',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 5 }));
        for (let n = 1; n <= 5; n += 1) {
          await peer.reads(session, `DATA ${n} #${n}`);
          await peer.silent(session);
          peer.write(ack(session, n));
        }
      },
    },
    {
      name: 'a client that states none is given the default; one that states the largest number is served',
      async run(stage) {
        const [one, other] = [
          await opened(stage),
          await opened(stage, { windowMessages: 0xffffffff, windowBytes: 0xffffffff }),
        ];
        for (const { peer, session } of [one, other]) {
          peer.write(data(session, 1, { produce: 20 }));
          for (let n = 1; n <= 20; n += 1) await peer.reads(session, `DATA ${n}`);
        }
      },
    },
    {
      name: 'Window enlarges one at once; 0 leaves a part as it is',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2, windowBytes: 1_000 });
        peer.write(data(session, 1, { produce: 10, size: 100 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        await peer.silent(session);
        peer.write(changeWindow(session, 5, 0));
        await peer.reads(session, 'DATA 3', 'DATA 4', 'DATA 5');
        await peer.silent(session);
        peer.write(changeWindow(session, 0, 100_000));
        await peer.silent(session);
        peer.write(changeWindow(session, 6, 600));
        await peer.silent(session);
        peer.write(changeWindow(session, 0, 700));
        await peer.reads(session, 'DATA 6');
        await peer.silent(session);
      },
    },
    {
      name: 'a smaller window binds what is sent from then on, and takes nothing back',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 4 });
        peer.write(data(session, 1, { produce: 10 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3', 'DATA 4');
        peer.write(changeWindow(session, 2), ack(session, 2));
        await peer.silent(session);
        peer.write(ack(session, 3));
        await peer.reads(session, 'DATA 5');
        await peer.silent(session);
      },
    },
    {
      name: 'a client that fills its window exactly is not convicted; over it, it is Closed{WINDOW_EXCEEDED}',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        const { windowMessages } = await openedOn(peer, session);
        peer.write(open(other));
        for (let n = 1; n <= windowMessages; n += 1) peer.write(data(session, n, { never: '' }));
        await peer.silent(session);
        peer.write(data(session, windowMessages + 1), data(other, 1));
        await peer.reads(session, 'CLOSED WINDOW_EXCEEDED ack 0');
        await peer.reads(other, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'an ack above what was sent is INVALID_MESSAGE for the session, and for no other',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        const other = stage.session();
        await openedOn(peer, other);
        peer.write(data(session, 1, { produce: 5 }));
        await peer.reads(session, 'DATA 1');
        // 2 is there, and waits: it was not sent.
        peer.write(ack(session, 2), data(other, 1));
        await peer.reads(session, 'CLOSED INVALID_MESSAGE');
        await peer.reads(other, 'DATA 1 "m1"');
      },
    },
    {
      name: 'an ack may ride on DATA; a lower one than before says nothing',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 6 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.write(data(session, 2, { accept: '' }, { ack: 2 }));
        await peer.reads(session, 'DATA 3', 'DATA 4');
        peer.write(ack(session, 1), ack(session, 0));
        await peer.silent(session);
        peer.write(ack(session, 3));
        const [message] = await peer.reads(session, 'DATA 5');
        assert.equal(message?.sequence, 5);
        await peer.silent(session);
      },
    },
  ],
};

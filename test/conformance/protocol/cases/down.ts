import assert from 'node:assert/strict';
import { OverflowPolicy } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, FLOOD, numberOf, opened, takeThrough } from '../scenes.js';
import { ack, close, data, open } from '../say.js';

/** What the flood's last message has as sequence, behind one that filled a window of 1. */
const LAST = FLOOD.produce + 1;
const { CONFLATE, DISCONNECT, DROP_NEWEST, DROP_OLDEST } = OverflowPolicy;

export const down: Section = {
  title: 'Gateway to client',
  cases: [
    {
      name: 'no more is in flight than the window has messages; each ack lets out as many as it covers',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 10 }));
        await peer.reads(session, 'DATA 1 #1', 'DATA 2 #2', 'DATA 3 #3');
        await peer.silent(session);
        peer.write(ack(session, 1));
        await peer.reads(session, 'DATA 4 #4');
        await peer.silent(session);
        peer.write(ack(session, 4));
        await peer.reads(session, 'DATA 5', 'DATA 6', 'DATA 7');
        await peer.silent(session);
      },
    },
    {
      name: 'no more is in flight than the window has bytes',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowBytes: 1_000 });
        peer.write(data(session, 1, { produce: 10, size: 300 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        await peer.silent(session);
        peer.write(ack(session, 2));
        await peer.reads(session, 'DATA 4', 'DATA 5');
        await peer.silent(session);
      },
    },
    {
      name: 'what is in flight is kept, and sent again as it was',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 5, size: 100, key: 'k' }));
        const before = await peer.reads(session, 'DATA 1 #1', 'DATA 2 #2', 'DATA 3 #3');
        peer.connection.break();
        const again = await back(stage, session, 0, { windowMessages: 3 });
        const after = await again.reads(session, 'OPENED resumed', 'DATA 1 #1', 'DATA 2 #2', 'DATA 3 #3');
        assert.deepEqual(
          after.slice(1).map(({ key, data, sequence }) => [key, data.byteLength, sequence]),
          before.map(({ key, data, sequence }) => [key, data.byteLength, sequence]),
        );
        await again.silent(session);
        again.write(ack(session, 3));
        await again.reads(session, 'DATA 4 #4', 'DATA 5 #5');
      },
    },
    {
      name: 'block: the route waits, and nothing is lost',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, FLOOD));
        await peer.reads(session, 'DATA 1 #1', 'DATA 2 #2');
        await stage.wait(150);
        await peer.silent(session);
        assert.equal(
          peer.ackOf(session),
          0,
          'the route should wait for room: is the waiting bound so large?',
        );
        peer.write(ack(session, 2));
        const { data: messages, gaps } = await takeThrough(peer, session, FLOOD.produce);
        assert.deepEqual(gaps, []);
        assert.equal(messages.length, FLOOD.produce - 2);
        await peer.acked(session, 1);
      },
    },
    {
      name: 'drop-oldest: what is in flight stays, the oldest of what waits goes, one Gap says which',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: DROP_OLDEST });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, FLOOD));
        await peer.acked(session, 2);
        await peer.silent(session);
        peer.write(ack(session, 1));
        const { data: messages, gaps } = await takeThrough(peer, session, LAST);
        assert.equal(gaps.length, 1);
        const [gap] = gaps;
        assert(gap !== undefined);
        assert.equal(gap.from, 2);
        assert.equal(gap.reason, 'overflow');
        assert.equal(messages.length, LAST - gap.to);
        assert.equal(messages[0]?.sequence, gap.to + 1);
        assert.equal(numberOf(messages.at(-1)), FLOOD.produce);
      },
    },
    {
      name: 'drop-newest: what waits stays, what comes then goes, and keeps its number',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: DROP_NEWEST });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, FLOOD));
        await peer.acked(session, 2);
        peer.write(ack(session, 1));
        const { data: messages, gaps } = await takeThrough(peer, session, LAST);
        assert.equal(gaps.length, 1);
        assert.deepEqual(gaps[0], { from: messages.length + 2, to: LAST, reason: 'overflow' });
        assert.equal(numberOf(messages[0]), 1);
        peer.write(data(session, 3, { produce: 1 }));
        await peer.reads(session, `DATA ${LAST + 1} #1`);
      },
    },
    {
      name: 'conflate: of each key the latest is delivered, at the place and with the number of the latest (D20)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { produce: 30, keys: 3 }));
        await peer.acked(session, 2);
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-28 overflow', 'DATA 29 #28');
        peer.write(ack(session, 29));
        await peer.reads(session, 'DATA 30 #29');
        peer.write(ack(session, 30));
        await peer.reads(session, 'DATA 31 #30');
      },
    },
    {
      name: 'conflate: a message without a key replaces nothing',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 4 }));
        const { data: messages, gaps } = await takeThrough(peer, session, 4);
        assert.deepEqual([messages.map(numberOf), gaps], [[1, 2, 3, 4], []]);
      },
    },
    {
      name: 'conflate: full of distinct keys, it drops the oldest',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { ...FLOOD, keys: FLOOD.produce }));
        await peer.acked(session, 2);
        peer.write(ack(session, 1));
        const { data: messages, gaps } = await takeThrough(peer, session, LAST);
        assert.equal(gaps.length, 1);
        assert.equal(gaps[0]?.from, 2);
        assert.equal(messages.length, LAST - gaps[0].to);
        assert.equal(numberOf(messages.at(-1)), FLOOD.produce);
      },
    },
    {
      name: 'disconnect: the session that is not taken from ends SLOW_CONSUMER',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2, overflow: DISCONNECT });
        peer.write(data(session, 1, { produce: 2 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.write(data(session, 2, FLOOD));
        await peer.reads(session, 'CLOSED SLOW_CONSUMER');
        const again = await back(stage, session, 2);
        await again.reads(session, 'CLOSED SLOW_CONSUMER');
      },
    },
    {
      name: 'what waits longer than its time to live is dropped, and told',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { produce: 3, 'ttl-ms': 50 }), data(session, 3, { produce: 1 }));
        await peer.acked(session, 3);
        await stage.wait(150);
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-4 expired', 'DATA 5 #1');
      },
    },
    {
      name: 'what was sent once does not expire any more',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 3, 'ttl-ms': 100 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        peer.connection.break();
        await stage.wait(250);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed', 'DATA 1', 'DATA 2', 'DATA 3');
      },
    },
    {
      name: 'adjoining drops become one Gap, whatever their reasons; the first names it',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(
          data(session, 2, { produce: 2, key: 'k', 'ttl-ms': 50 }),
          data(session, 3, { produce: 1 }),
        );
        await peer.acked(session, 3);
        await stage.wait(150);
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-3 overflow', 'DATA 4 #1');
      },
    },
    {
      name: 'a Gap with nothing behind it is written too, takes no room, and is acknowledged like a message',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { produce: 1, 'ttl-ms': 50 }));
        await peer.acked(session, 2);
        await stage.wait(150);
        await peer.silent(session);
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-2 expired');
        peer.write(data(session, 3, { produce: 1 }));
        await peer.reads(session, 'DATA 3 #1');
        peer.write(ack(session, 2));
        await peer.silent(session);
        peer.write(ack(session, 3), close(session));
        await peer.reads(session, 'CLOSED ok ack 3');
      },
    },
    {
      name: 'a client that never acknowledges is not flooded with Gaps (D15)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowBytes: 5_000, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 1, size: 4_000 }));
        await peer.reads(session, 'DATA 1');
        for (let n = 2; n <= 6; n += 1) {
          peer.write(data(session, n, { produce: 1, size: 3_000, key: 'k' }));
          await peer.silent(session);
        }
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-5 overflow', 'DATA 6');
      },
    },
    {
      name: 'a Gap is repeated after a resume until acknowledged past, never below the position of the client',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1, overflow: CONFLATE });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { produce: 3, key: 'k' }));
        await peer.acked(session, 2);
        peer.write(ack(session, 1));
        await peer.reads(session, 'GAP 2-3 overflow', 'DATA 4 #3');
        peer.connection.break();
        const second = await back(stage, session, 1);
        await second.reads(session, 'OPENED resumed', 'GAP 2-3 overflow', 'DATA 4 #3');
        second.connection.break();
        const third = await back(stage, session, 3);
        await third.reads(session, 'OPENED resumed', 'DATA 4 #3');
        third.write(ack(session, 3));
        await third.settled();
        third.connection.break();
        const fourth = await back(stage, session, 4);
        await fourth.reads(session, 'OPENED resumed');
        await fourth.silent(session);
      },
    },
    {
      name: 'sessions of one connection are served in turn: one that has much to say starves no other',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const [flooded, stuck] = [stage.session(), stage.session()];
        peer.write(open(flooded), open(stuck, { windowMessages: 1 }));
        peer.write(data(flooded, 1, FLOOD), data(stuck, 1, { produce: 50 }));
        for (let n = 1; n <= 20; n += 1) {
          peer.write(data(session, n), ack(session, n - 1));
          await peer.reads(session, `DATA ${n}`);
        }
        await peer.reads(stuck, 'OPENED fresh', 'DATA 1');
        await peer.silent(stuck);
        peer.write(ack(stuck, 1));
        await peer.reads(stuck, 'DATA 2');
      },
    },
  ],
};

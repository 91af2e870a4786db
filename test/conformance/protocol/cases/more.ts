import assert from 'node:assert/strict';
import { OverflowPolicy } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, FLOOD, numberOf, opened, takeThrough } from '../scenes.js';
import { ack, changeWindow, data } from '../say.js';

const MORE = { more: true };

export const more: Section = {
  title: 'more',
  cases: [
    {
      name: 'a route that takes pieces gets them one by one, and each is acknowledged',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, {}, MORE));
        await peer.acked(session, 1);
        peer.write(data(session, 2, {}, MORE), data(session, 3));
        await peer.reads(session, 'DATA 1 "m1" more', 'DATA 2 "m2" more', 'DATA 3 "m3" ack');
        await peer.acked(session, 3);
      },
    },
    {
      name: 'a payload that goes piece by piece may be larger than the window',
      async run(stage) {
        const { peer, session, opened: told } = await opened(stage);
        const last = told.windowMessages + 10;
        for (let n = 1; n <= last; n += 1) {
          peer.write(data(session, n, { accept: '' }, { more: n < last }));
          if (n % 32 === 0) await peer.acked(session, n);
        }
        await peer.acked(session, last);
      },
    },
    {
      name: 'a route that wants payloads whole gets them whole; the pieces are acknowledged with the last',
      async run(stage) {
        const { peer, session } = await opened(stage, {}, stage.target.wholeRoute);
        peer.write(data(session, 1, { accept: '' }), data(session, 2, {}, MORE), data(session, 3, {}, MORE));
        await peer.acked(session, 1);
        await stage.wait(150);
        await peer.silent(session);
        assert.equal(peer.ackOf(session), 1);
        peer.write(data(session, 4), data(session, 5));
        await peer.reads(session, 'DATA 1 "m2m3m4"', 'DATA 2 "m5"');
        await peer.acked(session, 5);
      },
    },
    {
      name: 'the Error of a payload handled whole names its last piece (D4)',
      async run(stage) {
        const { peer, session } = await opened(stage, {}, stage.target.wholeRoute);
        peer.write(data(session, 1, { fail: 'x' }, MORE), data(session, 2, {}, MORE), data(session, 3));
        await peer.reads(session, 'ERROR 3 ROUTE_FAILED');
        await peer.acked(session, 3);
      },
    },
    {
      name: 'a payload may go on after a resume',
      async run(stage) {
        const { peer, session } = await opened(stage, {}, stage.target.wholeRoute);
        peer.write(data(session, 1, {}, MORE), data(session, 2, {}, MORE));
        await peer.settled();
        peer.connection.break();
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 2 ack 0');
        again.write(data(session, 3));
        await again.reads(session, 'DATA 1 "m1m2m3"');
        await again.acked(session, 3);
      },
    },
    {
      name: 'a payload that takes the whole window, in pieces, is handled; one that fills it unfinished is MESSAGE_TOO_LARGE',
      async run(stage) {
        const { peer, session, opened: told } = await opened(stage, {}, stage.target.wholeRoute);
        const last = told.windowMessages;
        for (let n = 1; n < last; n += 1)
          peer.write(data(session, n, { accept: '' }, { data: new Uint8Array(1), more: true }));
        peer.write(data(session, last));
        await peer.acked(session, last);
        for (let n = last + 1; n <= 2 * last; n += 1)
          peer.write(data(session, n, {}, { data: new Uint8Array(1), more: true }));
        await peer.reads(session, `CLOSED MESSAGE_TOO_LARGE ack ${last}`);
      },
    },
    {
      name: 'a payload that fills the window in bytes, unfinished, is MESSAGE_TOO_LARGE',
      async run(stage) {
        const { peer, session, opened: told } = await opened(stage, {}, stage.target.wholeRoute);
        const half = new Uint8Array(Math.ceil(told.windowBytes / 2));
        peer.write(data(session, 1, {}, { data: half, more: true }));
        await peer.silent(session);
        peer.write(
          data(session, 2, {}, { data: half.subarray(0, told.windowBytes - half.length), more: true }),
        );
        await peer.reads(session, 'CLOSED MESSAGE_TOO_LARGE ack 0');
      },
    },
    {
      name: 'a payload over the largest is MESSAGE_TOO_LARGE, also where it goes piece by piece',
      settings: { 'session.maxPayloadSize': '16KiB' },
      async run(stage) {
        const { peer, session } = await opened(stage);
        const piece = { data: new Uint8Array(4_000), more: true };
        for (let n = 1; n <= 4; n += 1) peer.write(data(session, n, { accept: '' }, piece));
        await peer.acked(session, 4);
        peer.write(data(session, 5, { accept: '' }, piece));
        await peer.reads(session, 'CLOSED MESSAGE_TOO_LARGE ack 4');
      },
    },
    {
      name: 'towards the client, pieces are numbered and counted one by one, and replayed from the middle',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 2, pieces: 3 }));
        await peer.reads(session, 'DATA 1 #1 more', 'DATA 2 #1 more', 'DATA 3 #1 ack');
        await peer.silent(session);
        peer.write(ack(session, 2));
        await peer.reads(session, 'DATA 4 #2 more', 'DATA 5 #2 more');
        peer.connection.break();
        const again = await back(stage, session, 4, { windowMessages: 10 });
        await again.reads(session, 'OPENED resumed', 'DATA 5 #2 more', 'DATA 6 #2 ack');
      },
    },
    {
      name: "a payload that does not fit the client's window fails the send; the session goes on",
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 1, pieces: 3 }), data(session, 2));
        await peer.reads(session, 'ERROR 1 MESSAGE_TOO_LARGE', 'DATA 1 "m2"');
      },
    },
    {
      name: 'policies drop payloads whole',
      async run(stage) {
        const { peer, session } = await opened(stage, {
          windowMessages: 3,
          overflow: OverflowPolicy.DROP_OLDEST,
        });
        peer.write(data(session, 1, { produce: 3 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        const payloads = Math.ceil(FLOOD.produce / 2);
        peer.write(data(session, 2, { produce: payloads, size: FLOOD.size, pieces: 3 }));
        await peer.acked(session, 2);
        peer.write(ack(session, 3));
        const { data: pieces, gaps } = await takeThrough(peer, session, 3 + payloads * 3);
        assert.equal(gaps.length, 1);
        assert.equal((gaps[0]!.to - 3) % 3, 0);
        for (let i = 0; i < pieces.length; i += 3) {
          const payload = pieces.slice(i, i + 3);
          assert.equal(new Set(payload.map(numberOf)).size, 1);
          assert.deepEqual(
            payload.map((piece) => piece.more),
            [true, true, false],
          );
        }
      },
    },
    {
      name: 'policies conflate payloads whole',
      async run(stage) {
        const { peer, session } = await opened(stage, {
          windowMessages: 2,
          overflow: OverflowPolicy.CONFLATE,
        });
        peer.write(data(session, 1, { produce: 2 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.write(data(session, 2, { produce: 5, pieces: 2, key: 'k' }));
        await peer.acked(session, 2);
        peer.write(ack(session, 2));
        await peer.reads(session, 'GAP 3-10 overflow', 'DATA 11 #5 more', 'DATA 12 #5 ack');
      },
    },
    {
      name: 'a payload under way is finished, whatever the policy drops behind it (D21)',
      async run(stage) {
        const { peer, session } = await opened(stage, {
          windowMessages: 3,
          overflow: OverflowPolicy.DROP_OLDEST,
        });
        peer.write(data(session, 1, { produce: 2 }), data(session, 2, { produce: 1, pieces: 2 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3 #1 more');
        peer.write(data(session, 3, FLOOD));
        await peer.acked(session, 3);
        peer.write(ack(session, 3));
        await peer.reads(session, 'DATA 4 #1');
        const [gap] = await peer.reads(session, 'GAP');
        assert(gap?.control?.action === 'gap');
        assert.equal(gap.control.fromSequence, 5);
      },
    },
    {
      name: 'a client whose window has become too small for a payload takes it piece by piece (D22)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 4 });
        peer.write(data(session, 1, { produce: 4 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3', 'DATA 4');
        peer.write(data(session, 2, { produce: 1, pieces: 3 }));
        await peer.acked(session, 2);
        peer.write(changeWindow(session, 1), ack(session, 4));
        for (const line of ['DATA 5 #1 more', 'DATA 6 #1 more', 'DATA 7 #1']) {
          const [piece] = await peer.reads(session, line);
          await peer.silent(session);
          peer.write(ack(session, piece?.sequence ?? 0));
        }
      },
    },
    {
      name: 'what the route sends and is larger than a message may be comes in pieces; over the window the send fails',
      settings: { 'server.maxMessageSize': '32KiB' },
      async run(stage) {
        const { peer, session } = await opened(stage, { windowBytes: 110_000 });
        peer.write(data(session, 1, { produce: 1, size: 100_000 }));
        let bytes = 0;
        for (let whole = false; !whole;) {
          const [piece] = await peer.reads(session, 'DATA');
          bytes += piece?.data.byteLength ?? 0;
          whole = piece?.more === false;
        }
        assert.equal(bytes, 100_000);
        await peer.acked(session, 1);
        peer.write(data(session, 2, { produce: 1, size: 200_000 }), data(session, 3, { accept: '' }));
        await peer.reads(session, 'ERROR 2 MESSAGE_TOO_LARGE');
        await peer.acked(session, 3);
      },
    },
  ],
};

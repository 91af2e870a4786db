import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { broken, openedSession } from '../scenes.js';
import { ack, data, failed, opened } from '../say.js';

const textOf = (pieces: readonly { readonly data: Uint8Array }[]): string =>
  Buffer.concat(pieces.map((piece) => piece.data)).toString();

export const payloads: Section = {
  title: 'Payloads of several messages',
  cases: [
    {
      name: 'pieces are put together, and acknowledged with the last',
      needs: ['payloads'],
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(data('s', 1, { more: true }), data('s', 2, { more: true }));
        session.take(1);
        assert.equal(await peer.ackOf('s'), 0);
        peer.writes(data('s', 3), data('s', 4));
        await stage.told(session, 'DATA 3 "m1m2m3"');
        assert.equal(await peer.ackOf('s'), 0);
        session.take(1);
        await stage.told(session, 'DATA 3 "m1m2m3"', 'DATA 4 "m4"');
        await peer.acked('s', 3);
      },
    },
    {
      name: 'pieces are acknowledged as they are taken where the window leaves no room for the rest (D22)',
      needs: ['payloads'],
      async run(stage) {
        const { peer, session } = await openedSession(stage, { window: { messages: 2, bytes: 10_000 } });
        session.take(1);
        for (let n = 1; n <= 7; n += 1) {
          const inFlight = n - 1 - (await peer.ackOf('s'));
          assert.ok(inFlight < 2, `the window is full with ${n - 1}, and the payload is not whole`);
          peer.writes(data('s', n, { more: n < 7 }));
        }
        await stage.told(session, 'DATA 7 "m1m2m3m4m5m6m7"');
      },
    },
    {
      name: 'a payload that breaks off with the connection is put together over both',
      needs: ['payloads'],
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        session.take(1);
        peer.writes(data('s', 1, { more: true }), data('s', 2, { more: true }));
        await stage.settled();
        const { peer: again, open } = await broken(stage, session, 'OPEN resume after 2 attempt 2');
        again.writes(opened('s', open), data('s', 3));
        await stage.told(session, 'DATA 3 "m1m2m3"');
      },
    },
    {
      name: 'what is larger than a message may be goes in pieces, each with its number, whole before the next begins',
      needs: ['payloads'],
      async run(stage) {
        stage.welcome = { maxMessageBytes: 1_000 };
        const { peer, session } = await openedSession(stage);
        const text = Array.from({ length: 500 }, (_, n) => String(n)).join();
        const fates = [session.send({ data: text }), session.send({ data: 'next' })];
        const pieces = [];
        do pieces.push((await peer.reads('s', `DATA ${pieces.length + 1}`))[0]!);
        while (pieces.at(-1)?.more === true);
        assert.ok(pieces.length > 1);
        assert.equal(textOf(pieces), text);
        await peer.reads('s', `DATA ${pieces.length + 1} "next"`);
        peer.writes(ack('s', pieces.length + 1));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), ['done', 'done']);
      },
    },
    {
      name: 'the Error of a payload names its last piece; an ack of the pieces before says nothing of it',
      needs: ['payloads'],
      async run(stage) {
        stage.welcome = { maxMessageBytes: 1_000 };
        const { peer, session } = await openedSession(stage);
        const fate = session.send({ data: 'x'.repeat(2_500) });
        const pieces = [];
        do pieces.push((await peer.reads('s', 'DATA'))[0]!);
        while (pieces.at(-1)?.more === true);
        peer.writes(ack('s', 1));
        assert.equal(await stage.resolves(Promise.race([fate, Promise.resolve('waits')]), ''), 'waits');
        peer.writes(failed('s', pieces.length), ack('s', pieces.length));
        assert.equal(await stage.resolves(fate, 'its fate'), 'ROUTE_FAILED');
      },
    },
    {
      name: 'a payload larger than the window is not begun',
      needs: ['payloads'],
      async run(stage) {
        stage.welcome = { maxMessageBytes: 1_000 };
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 64, windowBytes: 4_000 });
        const fate = session.send({ data: 'x'.repeat(10_000) });
        assert.equal(await stage.resolves(fate, 'its fate'), 'MESSAGE_TOO_LARGE');
        await peer.silent('s');
        void session.send({ data: 'goes on' });
        await peer.reads('s', 'DATA 1 "goes on"');
      },
    },
    {
      name: 'a payload is begun when there is room for all of it: it never fills the window unfinished',
      needs: ['payloads'],
      async run(stage) {
        stage.welcome = { maxMessageBytes: 1_000 };
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 64, windowBytes: 4_000 });
        void session.send({ data: 'a'.repeat(500) });
        void session.send({ data: 'b'.repeat(3_400) });
        const first = await peer.reads('s', 'DATA 1');
        assert.equal(textOf(first), 'a'.repeat(500));
        // Whether it is begun now is the client's to choose, as the first leaves when it is handled; the watch sees the bytes.
        await stage.settled();
        peer.writes(ack('s', 1));
        const pieces = [];
        do pieces.push((await peer.reads('s', 'DATA'))[0]!);
        while (pieces.at(-1)?.more === true);
        assert.equal(textOf(pieces), 'b'.repeat(3_400));
      },
    },
  ],
};

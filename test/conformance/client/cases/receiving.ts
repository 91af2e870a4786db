import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { broken, openedSession } from '../scenes.js';
import { data, gap, many, opened } from '../say.js';

export const receiving: Section = {
  title: 'Receiving',
  cases: [
    {
      name: 'acknowledges what its application has consumed, not what has come',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 3));
        assert.equal(await peer.ackOf('s'), 0);
        session.take(1);
        await stage.told(session, 'DATA 1 "m1"');
        assert.equal(await peer.ackOf('s'), 0);
        session.take(1);
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"');
        await peer.acked('s', 1);
        session.take(2);
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"', 'DATA 3 "m3"');
        await peer.acked('s', 3);
      },
    },
    {
      name: 'its acks ride along: what it sends says no less than what it has consumed',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 2));
        session.take(2);
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"');
        void session.send({ data: 'm1' });
        await peer.reads('s', 'DATA 1 "m1"');
        assert.equal(await peer.ackOf('s'), 1);
      },
    },
    {
      name: 'the position is what it has received, the ack what it has consumed; both are told after a break',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 7));
        session.take(6);
        await peer.acked('s', 5);
        const { peer: again, open } = await broken(stage, session, 'OPEN resume after 7 attempt 2');
        again.writes(opened('s', open));
        await again.acked('s', 5);
        again.writes(data('s', 8));
        session.take(3);
        await stage.told(session, ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `DATA ${n} "m${n}"`));
        await again.acked('s', 8);
      },
    },
    {
      name: 'its ack is restated after each resume, though nothing has changed',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 2));
        session.take(3);
        await peer.acked('s', 2);
        for (let attempt = 2; attempt <= 4; attempt += 1) {
          const { peer: again, open } = await broken(
            stage,
            session,
            `OPEN resume after 2 attempt ${attempt}`,
          );
          again.writes(opened('s', open));
          await again.acked('s', 2);
        }
      },
    },
    {
      name: 'a Gap is told at its place, moves the position, and is acknowledged when what is before it is consumed',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 3), gap('s', 4, 7), ...many('s', 8, 9));
        session.take(3);
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"', 'DATA 3 "m3"');
        await peer.acked('s', 2);
        session.take(1);
        await stage.told(
          session,
          'DATA 1 "m1"',
          'DATA 2 "m2"',
          'DATA 3 "m3"',
          'GAP 4-7 overflow',
          'DATA 8 "m8"',
        );
        await peer.acked('s', 7);
        await broken(stage, session, 'OPEN resume after 9 attempt 2');
      },
    },
    {
      name: 'a Gap with nothing before and nothing behind it is told and acknowledged, whatever its reason',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        session.take(1);
        peer.writes(gap('s', 1, 12, 'of-the-future'));
        await stage.told(session, 'GAP 1-12 of-the-future');
        await peer.acked('s', 12);
        await broken(stage, session, 'OPEN resume after 12 attempt 2');
      },
    },
    {
      name: 'a Gap that was told before the break is not told again to the application',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        session.take(2);
        peer.writes(gap('s', 1, 3));
        await stage.told(session, 'GAP 1-3 overflow');
        const { peer: again, open } = await broken(stage, session, 'OPEN resume after 3 attempt 2');
        again.writes(opened('s', open), data('s', 4));
        await stage.told(session, 'GAP 1-3 overflow', 'DATA 4 "m4"');
      },
    },
    {
      name: 'what it has not consumed does not stop other sessions, nor what it sends',
      async run(stage) {
        const { peer, session } = await openedSession(stage, { window: { messages: 4, bytes: 4_000 } });
        const second = stage.open({ id: 's2' });
        peer.writes(opened('s2', await peer.opens('s2')));
        peer.writes(...many('s', 1, 4));
        void session.send({ data: 'm1' });
        await peer.reads('s', 'DATA 1');
        peer.writes(...many('s2', 1, 2));
        second.take(3);
        await stage.told(second, 'DATA 1 "m1"', 'DATA 2 "m2"');
        await peer.acked('s2', 2);
        assert.equal(await peer.ackOf('s'), 0);
      },
    },
  ],
};

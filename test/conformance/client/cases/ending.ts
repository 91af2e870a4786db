import assert from 'node:assert/strict';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { lines, openedSession, sends } from '../scenes.js';
import { ack, closed, data, many, opened } from '../say.js';

export const ending: Section = {
  title: 'Closing',
  cases: [
    {
      name: 'Close goes behind everything that was sent, what waits for the window included',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 2 });
        const fates = sends(session, 1, 5);
        session.end();
        await peer.reads('s', ...lines(1, 2));
        await peer.silent('s');
        peer.writes(ack('s', 2));
        await peer.reads('s', ...lines(3, 4));
        peer.writes(ack('s', 4));
        await peer.reads('s', 'DATA 5', 'CLOSE');
        peer.writes(closed('s', '', {}, 5));
        assert.equal(await stage.resolves(session.ended, 'the end'), '');
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), Array(5).fill('done'));
      },
    },
    {
      name: 'after Close it goes on consuming and acknowledging until Closed',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        session.end();
        await peer.reads('s', 'CLOSE');
        peer.writes(...many('s', 1, 2));
        session.take(3);
        await peer.acked('s', 2);
        peer.writes(data('s', 3));
        session.take(1);
        await peer.acked('s', 3);
        peer.writes(closed('s'));
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"', 'DATA 3 "m3"', 'END');
        await peer.silent('s');
      },
    },
    {
      name: 'a session that its route ends is over, once what was sent is taken',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(data('s', 1));
        session.take(2);
        await peer.acked('s', 1);
        peer.writes(closed('s'));
        await stage.told(session, 'DATA 1 "m1"', 'END');
      },
    },
    {
      name: 'Closed with a code ends it at once: of what its ack does not cover it is told',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 3);
        await peer.reads('s', ...lines(1, 3));
        peer.writes(closed('s', 'WINDOW_EXCEEDED', { retry: WireRetryAdvice.NEVER }, 1));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'WINDOW_EXCEEDED');
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), [
          'done',
          'WINDOW_EXCEEDED',
          'WINDOW_EXCEEDED',
        ]);
        await peer.silent('s');
      },
    },
    {
      name: 'Closed with a code that says so is followed by an Open, where the application goes on',
      needs: ['reset'],
      async run(stage) {
        const { peer, session } = await openedSession(stage, { goesOn: true });
        const fates = sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        peer.writes(closed('s', 'SESSION_EXPIRED', { retry: WireRetryAdvice.NOW }, 1));
        await peer.opens('s', 'OPEN fresh attempt 1');
        const [first, second] = await stage.resolves(Promise.all(fates), 'their fates');
        assert.equal(first, 'done');
        assert.ok(second === 'RESET' || second === 'SESSION_EXPIRED', `its fate was ${second ?? ''}`);
      },
    },
    {
      name: 'and no sooner than it was told',
      needs: ['reset'],
      async run(stage) {
        const { peer } = await openedSession(stage, { goesOn: true });
        peer.writes(closed('s', 'OVERLOADED', { retry: WireRetryAdvice.BACKOFF, retryAfterMs: 4_000 }));
        await stage.wait(3_900);
        await peer.silent('s');
        await peer.opens('s', 'OPEN fresh attempt 1');
      },
    },
    {
      name: 'another session of the connection is not touched',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const second = stage.open({ id: 's2' });
        peer.writes(opened('s2', await peer.opens('s2')));
        peer.writes(closed('s', 'ROUTE_FAILED', { retry: WireRetryAdvice.NEVER }));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'ROUTE_FAILED');
        void second.send({ data: 'm1' });
        await peer.reads('s2', 'DATA 1 "m1"');
      },
    },
  ],
};

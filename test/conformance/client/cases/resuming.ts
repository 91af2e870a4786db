import assert from 'node:assert/strict';
import { SluiceError } from '../../../../src/core/errors.js';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { broken, back, lines, openedSession, sends } from '../scenes.js';
import { ack, closed, data, failed, gone, many, opened } from '../say.js';

export const resuming: Section = {
  title: 'Resume',
  cases: [
    {
      name: 'nothing follows a resuming Open until it is answered',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 3));
        void sends(session, 1, 5);
        await peer.reads('s', ...lines(1, 5));
        const { peer: again, open } = await broken(stage, session, 'OPEN resume after 3 attempt 2');
        void sends(session, 6, 8);
        session.take(4);
        await stage.wait(5_000);
        await again.silent('s');
        again.writes(opened('s', open, { lastReceivedSequence: 4 }));
        await again.acked('s', 3);
        await again.reads('s', ...lines(5, 8));
      },
    },
    {
      name: 'each way of a connection to end is one to come back from',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.ends();
        let { peer: again } = await back(stage, session, 'OPEN resume after 0 attempt 2');
        let attempt = 3;
        for (const code of ['STREAM_LIMIT', 'RECEIVE_TIMEOUT', 'STALE', 'OVERLOADED', 'INTERNAL'] as const) {
          again.ends(new SluiceError(code, `${code} for this test`));
          ({ peer: again } = await back(stage, session, `OPEN resume after 0 attempt ${attempt}`));
          attempt += 1;
        }
        again.stream.reset();
        await back(stage, session, `OPEN resume after 0 attempt ${attempt}`);
      },
    },
    {
      name: 'Opened without a token: the session is gone; it says so, and opens afresh with a new token',
      needs: ['reset'],
      async run(stage) {
        const { peer, session, open: first } = await openedSession(stage, { goesOn: true });
        peer.writes(...many('s', 1, 2));
        session.take(1);
        const fates = sends(session, 1, 3);
        await peer.reads('s', ...lines(1, 3));
        peer.writes(ack('s', 1));
        await stage.settled();
        const { peer: again, open } = await broken(stage, session, 'OPEN resume after 2 attempt 2');
        again.writes(gone('s', open));
        const fresh = await again.opens('s', 'OPEN fresh attempt 1');
        assert.notDeepEqual(Buffer.from(fresh.resumeToken), Buffer.from(first.resumeToken));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), ['done', 'RESET', 'RESET']);
        again.writes(opened('s', fresh), data('s', 1));
        void sends(session, 1, 1);
        await again.reads('s', 'DATA 1 "m1"');
        session.take(2);
        await stage.until(
          () => (session.told.includes('RESET') ? true : undefined),
          () => `a RESET among ${session.told.join(', ')}`,
        );
      },
    },
    {
      name: 'Opened without a token ends a session whose application does not go on',
      needs: ['reset'],
      async run(stage) {
        const { session } = await openedSession(stage);
        const { peer, open } = await broken(stage, session);
        peer.writes(gone('s', open));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'RESET');
        await peer.silent('s');
      },
    },
    {
      name: 'Closed on a resume is the end, told again behind its Errors',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 3);
        session.end();
        await peer.reads('s', ...lines(1, 3), 'CLOSE');
        const { peer: again } = await broken(stage, session);
        again.writes(failed('s', 2), closed('s', '', {}, 3));
        assert.equal(await stage.resolves(session.ended, 'the end'), '');
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), [
          'done',
          'ROUTE_FAILED',
          'done',
        ]);
        await again.silent('s');
      },
    },
    {
      name: 'Close is said again after a resume, behind what is sent again',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        void sends(session, 1, 3);
        session.end();
        await peer.reads('s', ...lines(1, 3), 'CLOSE');
        const { peer: again, open } = await broken(stage, session);
        again.writes(opened('s', open, { lastReceivedSequence: 1 }));
        await again.reads('s', ...lines(2, 3), 'CLOSE');
        again.writes(closed('s', '', {}, 3));
        assert.equal(await stage.resolves(session.ended, 'the end'), '');
      },
    },
    {
      name: 'with many sessions, another is resumed first each time',
      async run(stage) {
        const ids = ['s1', 's2', 's3', 's4', 's5', 's6'];
        for (const id of ids) stage.open({ id });
        let peer = await stage.connection();
        for (const id of ids) peer.writes(opened(id, await peer.opens(id)));
        const firsts = new Set<string>();
        for (let n = 0; n < 12; n += 1) {
          stage.subject.breakNetwork();
          peer = await stage.connection();
          for (const id of ids) peer.writes(opened(id, await peer.opens(id, 'OPEN resume')));
          firsts.add(peer.firstOpened);
        }
        assert.ok(firsts.size > 1, `always first: ${[...firsts].join()}`);
      },
    },
    {
      name: 'TAKEN_OVER on its newest connection is the end: another process has its token',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 1);
        await peer.reads('s', 'DATA 1');
        peer.writes(closed('s', 'TAKEN_OVER', { retry: WireRetryAdvice.NEVER }));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'TAKEN_OVER');
        assert.equal(await stage.resolves(fates[0]!, 'its fate'), 'TAKEN_OVER');
        await stage.wait(60_000);
        await peer.silent('s');
      },
    },
    {
      name: 'PERMISSION_DENIED on a resume: not with this token, and no second try',
      needs: ['codes'],
      async run(stage) {
        const { session } = await openedSession(stage);
        const { peer } = await broken(stage, session);
        peer.writes(closed('s', 'PERMISSION_DENIED', { retry: WireRetryAdvice.NEVER }));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'PERMISSION_DENIED');
        await stage.wait(60_000);
        await peer.silent('s');
      },
    },
  ],
};

import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { broken, lines, openedSession, sends } from '../scenes.js';
import { ack, changeWindow, control, data, failed, opened } from '../say.js';

export const sending: Section = {
  title: 'Sending',
  cases: [
    {
      name: 'messages are numbered from 1; an ack settles all up to its own',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 4);
        await peer.reads('s', ...lines(1, 4));
        peer.writes(ack('s', 3));
        assert.deepEqual(
          await stage.resolves(Promise.all(fates.slice(0, 3)), 'three fates'),
          Array(3).fill('done'),
        );
        peer.writes(data('s', 1, { ack: 4 }));
        assert.equal(await stage.resolves(fates[3]!, 'the fourth fate'), 'done');
      },
    },
    {
      name: 'an Error before the ack says how: failed, or accepted',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 4);
        await peer.reads('s', ...lines(1, 4));
        peer.writes(failed('s', 2), failed('s', 4, 'FROM_THE_FUTURE', 3), ack('s', 4));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), [
          'done',
          'ROUTE_FAILED',
          'done',
          'FROM_THE_FUTURE',
        ]);
      },
    },
    {
      name: 'an Error alone settles nothing: its message counts as in flight until the ack',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 2 });
        void sends(session, 1, 4);
        await peer.reads('s', ...lines(1, 2));
        peer.writes(failed('s', 1));
        await peer.silent('s');
        peer.writes(ack('s', 1));
        await peer.reads('s', 'DATA 3');
        await peer.silent('s');
      },
    },
    {
      name: 'an Error for what is settled is a repetition, and ignored; so is one for what was never sent',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 3);
        await peer.reads('s', ...lines(1, 3));
        peer.writes(ack('s', 2));
        assert.deepEqual(await stage.resolves(Promise.all(fates.slice(0, 2)), 'two fates'), ['done', 'done']);
        peer.writes(failed('s', 1), failed('s', 2), failed('s', 4), ack('s', 3));
        assert.equal(await stage.resolves(fates[2]!, 'the third fate'), 'done');
        fates.push(...sends(session, 4, 4));
        await peer.reads('s', 'DATA 4');
        peer.writes(ack('s', 4));
        assert.equal(await stage.resolves(fates[3]!, 'the fourth fate'), 'done');
      },
    },
    {
      name: 'a lower ack than one it has seen says nothing',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 3 });
        void sends(session, 1, 6);
        await peer.reads('s', ...lines(1, 3));
        peer.writes(ack('s', 2));
        await peer.reads('s', ...lines(4, 5));
        peer.writes(ack('s', 1), data('s', 1));
        await peer.silent('s');
        peer.writes(ack('s', 3));
        await peer.reads('s', 'DATA 6');
      },
    },
    {
      name: 'the window limits what is in flight, in messages',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 3 });
        void sends(session, 1, 8);
        await peer.reads('s', ...lines(1, 3));
        await peer.silent('s');
        peer.writes(ack('s', 1));
        await peer.reads('s', 'DATA 4');
        await peer.silent('s');
        peer.writes(ack('s', 4));
        await peer.reads('s', ...lines(5, 7));
        await peer.silent('s');
      },
    },
    {
      name: 'and in bytes of data, key and metadata',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowBytes: 1_000 });
        const message = {
          data: 'x'.repeat(300),
          key: 'k'.repeat(50),
          metadata: { ['n'.repeat(20)]: 'v'.repeat(30) },
        };
        for (let n = 1; n <= 5; n += 1) void session.send(message);
        await peer.reads('s', 'DATA 1', 'DATA 2');
        await peer.silent('s');
        peer.writes(ack('s', 1));
        await peer.reads('s', 'DATA 3');
        await peer.silent('s');
      },
    },
    {
      name: 'Window changes it: a larger one lets more go, a smaller one binds what is sent after it was read; 0 changes nothing',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 2 });
        void sends(session, 1, 20);
        await peer.reads('s', ...lines(1, 2));
        peer.writes(changeWindow('s', 5));
        await peer.reads('s', ...lines(3, 5));
        peer.writes(changeWindow('s', 0, 500_000));
        await peer.silent('s');
        peer.writes(changeWindow('s', 2), ack('s', 3));
        await peer.silent('s');
        peer.writes(ack('s', 4));
        await peer.reads('s', 'DATA 6');
        await peer.silent('s');
      },
    },
    {
      name: 'after a resume it sends from behind what the gateway has, and counts that as in flight',
      async run(stage) {
        const { peer, session } = await openedSession(stage, {}, { windowMessages: 4 });
        void sends(session, 1, 10);
        await peer.reads('s', ...lines(1, 4));
        const { peer: again, open } = await broken(stage, session);
        again.writes(opened('s', open, { lastReceivedSequence: 2, windowMessages: 3 }));
        await again.reads('s', 'DATA 3 "m3"');
        await again.silent('s');
        again.writes(ack('s', 2));
        await again.reads('s', ...lines(4, 5));
        await again.silent('s');
      },
    },
    {
      name: 'after a resume the ack of Opened settles, the Errors behind it do, and then the rest',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const fates = sends(session, 1, 12);
        await peer.reads('s', ...lines(1, 12));
        const { peer: again, open } = await broken(stage, session);
        again.writes(opened('s', open, { lastReceivedSequence: 10 }, 8), failed('s', 9), ack('s', 10));
        await again.reads('s', ...lines(11, 12));
        again.writes(ack('s', 12));
        const all = await stage.resolves(Promise.all(fates), 'their fates');
        assert.deepEqual(
          all,
          Array.from({ length: 12 }, (_, index) => (index === 8 ? 'ROUTE_FAILED' : 'done')),
        );
      },
    },
    {
      name: 'what was sent under a larger window is sent again as the smaller one allows',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        void sends(session, 1, 10);
        await peer.reads('s', ...lines(1, 10));
        const { peer: again, open } = await broken(stage, session);
        again.writes(opened('s', open, { windowMessages: 2 }));
        await again.reads('s', ...lines(1, 2));
        await again.silent('s');
        again.writes(ack('s', 2));
        await again.reads('s', ...lines(3, 4));
      },
    },
    {
      name: 'what is sent while there is no connection goes out after the resume, in order',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        void sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        stage.subject.unreachable(true);
        stage.subject.breakNetwork();
        await stage.settled();
        const fates = sends(session, 3, 6);
        await stage.wait(3_000);
        stage.subject.unreachable(false);
        const again = await stage.connection();
        again.writes(opened('s', await again.opens('s', 'OPEN resume'), { lastReceivedSequence: 2 }, 2));
        await again.reads('s', ...lines(3, 6));
        again.writes(ack('s', 6));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), Array(4).fill('done'));
      },
    },
    {
      name: 'Pause from the gateway is advice; whatever it does about it, after Resume it goes on',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(control('s', { action: 'pause', reason: 'busy' }));
        const fates = sends(session, 1, 3);
        await stage.wait(1_000);
        peer.writes(control('s', { action: 'resume' }));
        await peer.reads('s', ...lines(1, 3));
        peer.writes(ack('s', 3));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), Array(3).fill('done'));
      },
    },
  ],
};

import assert from 'node:assert/strict';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, opened, openedOn } from '../scenes.js';
import { ack, close, data, resume } from '../say.js';

export const takeover: Section = {
  title: 'Takeover',
  cases: [
    {
      name: 'the newest attachment wins; the older one sees Closed{TAKEN_OVER, RETRY_NEVER}',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const newer = await back(stage, session, 0);
        await newer.reads(session, 'OPENED resumed');
        const [closed] = await peer.reads(session, 'CLOSED TAKEN_OVER');
        assert(closed?.control?.action === 'closed');
        assert.equal(closed.control.retry, WireRetryAdvice.NEVER);
        newer.write(data(session, 1));
        await newer.reads(session, 'DATA 1 "m1"');
        await peer.silent(session);
      },
    },
    {
      name: 'what the older connection still brings is discarded: DATA, acks, Close',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 4 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        const newer = await back(stage, session, 2, { windowMessages: 2 });
        await newer.reads(session, 'OPENED resumed received 1');
        await peer.reads(session, 'CLOSED TAKEN_OVER');
        peer.write(ack(session, 2), data(session, 2), close(session));
        await peer.silent(session);
        await newer.silent(session);
        newer.write(data(session, 2, { produce: 1 }), ack(session, 1));
        await newer.reads(session, 'DATA 3 #3');
        await newer.acked(session, 2);
      },
    },
    {
      name: 'the older connection goes on for its other sessions',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const other = stage.session();
        await openedOn(peer, other);
        const newer = await back(stage, session, 0);
        await newer.reads(session, 'OPENED resumed');
        await peer.reads(session, 'CLOSED TAKEN_OVER');
        peer.write(data(other, 1));
        await peer.reads(other, 'DATA 1 "m1"');
      },
    },
    {
      name: 'the older connection may take it back with a newer attempt',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const newer = await back(stage, session, 0);
        await newer.reads(session, 'OPENED resumed');
        await peer.reads(session, 'CLOSED TAKEN_OVER');
        peer.write(resume(session, 0));
        await peer.reads(session, 'OPENED resumed');
        await newer.reads(session, 'CLOSED TAKEN_OVER');
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'the end of the older connection does nothing to the session',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const newer = await back(stage, session, 0);
        await newer.reads(session, 'OPENED resumed');
        peer.connection.break();
        await newer.settled();
        newer.write(data(session, 1));
        await newer.reads(session, 'DATA 1 "m1"');
      },
    },
  ],
};

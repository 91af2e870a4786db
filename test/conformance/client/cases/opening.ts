import assert from 'node:assert/strict';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { broken, lines, opening, openedSession, sends } from '../scenes.js';
import { ack, closed, gone, opened } from '../say.js';

export const openings: Section = {
  title: 'Opening',
  cases: [
    {
      name: 'Open names route and subject, states the window, and brings a token of the client’s own',
      async run(stage) {
        const { open } = await opening(stage, {
          route: 'prices',
          subject: 'eur',
          window: { messages: 7, bytes: 7_000 },
        });
        const { route, subject, windowMessages, windowBytes, lastReceivedSequence } = open;
        assert.deepEqual(
          { route, subject, windowMessages, windowBytes, lastReceivedSequence },
          { route: 'prices', subject: 'eur', windowMessages: 7, windowBytes: 7_000, lastReceivedSequence: 0 },
        );
        assert.equal(open.resumeToken.length, 16);
      },
    },
    {
      name: 'each session has its own token',
      async run(stage) {
        stage.open({ id: 's1' });
        stage.open({ id: 's2' });
        const peer = await stage.connection();
        const [one, two] = [await peer.opens('s1'), await peer.opens('s2')];
        assert.notDeepEqual(Buffer.from(one.resumeToken), Buffer.from(two.resumeToken));
      },
    },
    {
      name: 'before Opened there is room for 64 messages and 64 KiB, then for the window',
      async run(stage) {
        // The watch says whether it was more.
        const { peer, session, open } = await opening(stage);
        const fates = sends(session, 1, 200);
        await stage.settled();
        peer.writes(opened('s', open));
        await peer.reads('s', ...lines(1, 200));
        peer.writes(ack('s', 200));
        assert.deepEqual(new Set(await stage.resolves(Promise.all(fates), 'their fates')), new Set(['done']));
      },
    },
    {
      name: 'an Open whose answer was lost is resumed, with nothing behind it; then it goes on from what had come',
      async run(stage) {
        const { session } = await opening(stage);
        void sends(session, 1, 3);
        const { peer, open } = await broken(stage, session, 'OPEN resume after 0 attempt 2');
        await peer.silent('s');
        peer.writes(opened('s', open));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
        await peer.reads('s', ...lines(1, 3));
      },
    },
    {
      name: 'in doubt it resumes, again and again, one attempt above the other',
      async run(stage) {
        const { session } = await opening(stage);
        for (let attempt = 2; attempt <= 5; attempt += 1)
          await broken(stage, session, `OPEN resume after 0 attempt ${attempt}`);
      },
    },
    {
      name: 'only an answer frees it to use a new token (D7): what was in doubt never came to be, and is opened afresh',
      needs: ['reset'],
      async run(stage) {
        const { session, open } = await opening(stage);
        const { peer, open: second } = await broken(stage, session, 'OPEN resume after 0 attempt 2');
        peer.writes(gone('s', second));
        const third = await peer.opens('s', 'OPEN fresh attempt 1');
        assert.notDeepEqual(Buffer.from(third.resumeToken), Buffer.from(open.resumeToken));
        peer.writes(opened('s', third));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
        void sends(session, 1, 1);
        await peer.reads('s', 'DATA 1');
      },
    },
    {
      name: 'an Open that is refused for good is not repeated',
      async run(stage) {
        for (const [id, code] of [
          ['s1', 'UNKNOWN_ROUTE'],
          ['s2', 'PERMISSION_DENIED'],
          ['s3', 'FROM_THE_FUTURE'],
        ] as const) {
          const session = stage.open({ id });
          const peer = stage.peers[0] ?? (await stage.connection());
          await peer.opens(id);
          peer.writes(closed(id, code, { retry: WireRetryAdvice.NEVER }));
          assert.equal(await stage.resolves(session.opened, 'the refusal'), code);
          await peer.silent(id);
        }
      },
    },
    {
      name: 'an Open that is refused for now is repeated, no sooner than it was told',
      needs: ['codes'],
      async run(stage) {
        const { peer, session } = await opening(stage);
        peer.writes(closed('s', 'SESSION_IN_USE', { retry: WireRetryAdvice.BACKOFF, retryAfterMs: 3_000 }));
        await stage.wait(2_900);
        await peer.silent('s');
        const open = await peer.opens('s', 'OPEN fresh');
        peer.writes(opened('s', open));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
      },
    },
    {
      name: 'a gateway that leaves refuses a fresh Open: it goes to another',
      needs: ['addresses', 'codes'],
      async run(stage) {
        stage.start({ addresses: ['gateway:1', 'gateway:2'] });
        const { peer, session } = await opening(stage);
        assert.equal(peer.address, 'gateway:1');
        peer.writes(closed('s', 'DRAINING', { retry: WireRetryAdvice.NOW }));
        const other = await stage.connection();
        assert.equal(other.address, 'gateway:2');
        const open = await other.opens('s', 'OPEN fresh attempt 1');
        other.writes(opened('s', open));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
      },
    },
    {
      name: 'an ID is free again once its session is over',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        session.end();
        await peer.reads('s', 'CLOSE');
        peer.writes(closed('s'));
        assert.equal(await stage.resolves(session.ended, 'the end'), '');
        stage.open();
        await peer.opens('s', 'OPEN fresh attempt 1');
      },
    },
  ],
};

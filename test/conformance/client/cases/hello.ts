import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { opening, openedSession } from '../scenes.js';
import { data, opened } from '../say.js';

export const hello: Section = {
  title: 'Hello',
  cases: [
    {
      name: 'Welcome may take its time',
      async run(stage) {
        stage.welcoming = false;
        const session = stage.open();
        const peer = await stage.connection();
        await stage.wait(5_000);
        assert.equal(stage.connections, 1);
        peer.welcomes();
        const open = await peer.opens('s');
        peer.writes(opened('s', open));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
      },
    },
    {
      name: 'a client that has a name says it',
      async run(stage) {
        const { peer } = await opening(stage);
        assert.equal(peer.stream.metadata.get('x-client-id'), 'ann');
      },
    },
    {
      name: 'a client that has none makes one up, and keeps the one that Welcome gave it',
      needs: ['names'],
      async run(stage) {
        stage.start({ clientId: null });
        stage.welcome = { clientId: 'made-up-7' };
        const { peer } = await openedSession(stage);
        assert.match(peer.stream.metadata.get('x-client-id') ?? '', /^[0-9a-f]{32}$/);
        stage.subject.breakNetwork();
        const again = await stage.connection();
        assert.equal(again.stream.metadata.get('x-client-id'), 'made-up-7');
        await again.opens('s', 'OPEN resume');
      },
    },
    {
      name: 'a gateway of a later protocol is left, in so many words',
      needs: ['codes'],
      async run(stage) {
        stage.welcome = { protocolVersion: 2 };
        const session = stage.open();
        const peer = await stage.connection();
        assert.equal(await stage.resolves(session.opened, 'the refusal'), 'NEWER_PROTOCOL');
        await peer.silent('s');
        await stage.wait(120_000);
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'no more sessions on a connection than it may have',
      needs: ['streams'],
      async run(stage) {
        stage.welcome = { maxSessions: 2 };
        for (const id of ['s1', 's2', 's3']) stage.open({ id });
        const [first, second] = [await stage.connection(), await stage.connection()];
        await first.opens('s1');
        await first.opens('s2');
        await second.opens('s3');
        await first.silent('s3');
      },
    },
    {
      name: 'nothing follows from messages of sessions that are not open, nor from what it does not know',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(data('another', 1), data('s', 1));
        session.take(1);
        await stage.told(session, 'DATA 1 "m1"');
        await peer.silent('another');
      },
    },
  ],
};

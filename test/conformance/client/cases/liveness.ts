import assert from 'node:assert/strict';
import { MessageType } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, openedSession, sends } from '../scenes.js';
import { ack, many, opened, probe } from '../say.js';

export const liveness: Section = {
  title: 'Liveness',
  cases: [
    {
      name: 'it is heard from every heartbeat interval',
      async run(stage) {
        // The watch says when it is late.
        const { peer } = await openedSession(stage);
        await stage.wait(200_000);
        assert.equal(stage.connections, 1);
        assert.ok(peer.heartbeats >= 9, `${peer.heartbeats} heartbeats`);
      },
    },
    {
      name: 'it is heard from in time, whenever it last said something',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        for (let n = 1; n <= 12; n += 1) {
          void sends(session, n, n);
          await peer.reads('s', `DATA ${n}`);
          peer.writes(ack('s', n));
          await stage.wait(3_700 * n);
        }
      },
    },
    {
      name: 'a gateway that wants no heartbeats gets none, or few',
      async run(stage) {
        stage.welcome = { heartbeatIntervalMs: 0 };
        const { peer } = await openedSession(stage);
        await stage.wait(200_000);
        assert.ok(peer.heartbeats <= 40, `${peer.heartbeats} heartbeats`);
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'a probe is answered at once, with its sequence and its time',
      async run(stage) {
        const { peer } = await openedSession(stage);
        peer.writes(probe(77));
        const [answer] = await peer.reads('', 'HEALTH_CHECK 77 ack 77');
        assert.equal(answer?.timestampMs, 1_234);
      },
    },
    {
      name: 'a probe is answered when nobody takes what came, and when its window is full',
      async run(stage) {
        const { peer, session } = await openedSession(
          stage,
          { window: { messages: 4, bytes: 4_000 } },
          { windowMessages: 1 },
        );
        void sends(session, 1, 5);
        await peer.reads('s', 'DATA 1');
        peer.writes(...many('s', 1, 4), probe(5));
        await peer.reads('', 'HEALTH_CHECK 5 ack 5');
      },
    },
    {
      name: 'an answer is not answered',
      async run(stage) {
        const { peer } = await openedSession(stage);
        peer.writes(probe(9, { ack: 9 }));
        await peer.silent('');
        peer.writes(probe(10));
        await peer.reads('', 'HEALTH_CHECK 10 ack 10');
        await peer.silent('');
      },
    },
    {
      name: 'a gateway that is silent for two intervals is given up, and the session resumed on another connection',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.mute = true;
        const since = stage.clock.now();
        await stage.wait(39_000);
        assert.equal(stage.connections, 1);
        const { peer: again, open } = await back(stage, session, 'OPEN resume after 0 attempt 2');
        // Two intervals, and the wait before a new connection.
        assert.ok(stage.clock.now() - since <= 50_000, `after ${stage.clock.now() - since} ms`);
        again.writes(opened('s', open));
        void sends(session, 1, 1);
        await again.reads('s', 'DATA 1');
      },
    },
    {
      name: 'a gateway of few words is not given up: anything it says is a sign of life',
      async run(stage) {
        const { peer } = await openedSession(stage);
        peer.mute = true;
        for (let n = 1; n <= 6; n += 1) {
          await stage.wait(30_000);
          peer.writes({ ...probe(n), type: n % 2 === 0 ? MessageType.HEARTBEAT : MessageType.HEALTH_CHECK });
        }
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'a gateway that never says Welcome is given up, and another connection made',
      async run(stage) {
        stage.welcoming = false;
        const session = stage.open();
        await stage.connection();
        stage.welcoming = true;
        const peer = await stage.connection();
        peer.writes(opened('s', await peer.opens('s', 'OPEN fresh attempt 1')));
        assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
      },
    },
  ],
};

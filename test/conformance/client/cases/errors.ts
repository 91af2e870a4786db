import assert from 'node:assert/strict';
import { SluiceError } from '../../../../src/core/errors.js';
import { controlMessage, dataMessage } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { lines, opening, openedSession, sends } from '../scenes.js';
import { ack, control, data, throttle } from '../say.js';

export const errors: Section = {
  title: 'Errors, and what it does not know',
  cases: [
    {
      name: 'what only a later gateway says is left alone: types, actions, scopes, Errors of the connection',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        const warning = {
          action: 'error',
          code: 'FROM_THE_FUTURE',
          message: '',
          sequence: 0,
          retryAfterMs: 0,
        } as const;
        peer.writes(
          dataMessage({ type: 42, sessionId: 's' }),
          dataMessage({ type: 42 }),
          control('s', { action: 'unknown', field: 99 }),
          controlMessage({ action: 'unknown', field: 99 }),
          throttle('of-the-future', 60_000),
          controlMessage(warning),
          control('s', warning),
          controlMessage({ action: 'drain', deadlineMs: 60_000, reason: 'reason of the future' }),
          data('s', 1),
        );
        session.take(1);
        await stage.told(session, 'DATA 1 "m1"');
        const fates = sends(session, 1, 2);
        const carrier = stage.peers.at(-1)!;
        assert.equal(carrier, peer);
        await peer.reads('s', ...lines(1, 2));
        peer.writes(ack('s', 2));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), ['done', 'done']);
      },
    },
    {
      name: 'it comes back no sooner than a status asks',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.ends(new SluiceError('OVERLOADED', 'too much', { retryAfterMs: 5_000 }));
        await stage.settled();
        const since = stage.clock.now();
        const again = await stage.connection();
        assert.ok(stage.clock.now() - since >= 5_000, `it came back after ${stage.clock.now() - since} ms`);
        await again.opens(session.id, 'OPEN resume');
      },
    },
    {
      name: 'it does not come back where a status says that the same will fail again',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.ends(new SluiceError('PERMISSION_DENIED', 'not you'));
        assert.equal(await stage.resolves(session.ended, 'the end'), 'PERMISSION_DENIED');
        await stage.wait(120_000);
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'where nobody can be reached it tries again, less and less often',
      async run(stage) {
        const { session } = await openedSession(stage);
        stage.onConnection = (peer) => {
          peer.ends(new SluiceError('CONNECTION_LIMIT', 'full'));
        };
        stage.welcoming = false;
        stage.subject.breakNetwork();
        await stage.wait(600_000);
        const attempts = stage.connections - 1;
        assert.ok(attempts >= 10, `${attempts} attempts in ten minutes`);
        assert.ok(attempts <= 400, `${attempts} attempts in ten minutes`);
        stage.onConnection = () => undefined;
        stage.welcoming = true;
        const last = await stage.until(
          () => stage.peers.find((peer) => peer.close === undefined),
          () => 'it to come back',
        );
        await last.opens(session.id, 'OPEN resume');
      },
    },
    {
      name: 'a gateway that welcomes and then ends is not hammered',
      async run(stage) {
        await opening(stage);
        stage.onConnection = (peer) => {
          stage.clock.setTimeout(() => {
            peer.ends(new SluiceError('STREAM_LIMIT', 'it ends at once'));
          }, 5);
        };
        stage.subject.breakNetwork();
        await stage.wait(300_000);
        assert.ok(stage.connections <= 200, `${stage.connections} connections in five minutes`);
        stage.onConnection = () => undefined;
      },
    },
  ],
};

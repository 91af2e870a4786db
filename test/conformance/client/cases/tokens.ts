import assert from 'node:assert/strict';
import { SluiceError } from '../../../../src/core/errors.js';
import { controlMessage } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, lines, opening, openedSession, sends } from '../scenes.js';
import { throttle } from '../say.js';
import type { Stage } from '../stage.js';

/** Shows T1, T2, … */
function numbered(stage: Stage): { asked: number } {
  const tokens = { asked: 0 };
  stage.start({ token: () => `T${(tokens.asked += 1)}` });
  return tokens;
}

const shown = (peer: { stream: { metadata: ReadonlyMap<string, string> } }): string | undefined =>
  peer.stream.metadata.get('authorization');

export const tokens: Section = {
  title: 'Who is calling',
  cases: [
    {
      name: 'shows its token in the metadata of each call, a fresh one each time',
      needs: ['tokens'],
      async run(stage) {
        numbered(stage);
        const { peer, session } = await openedSession(stage);
        assert.equal(shown(peer), 'Bearer T1');
        // Connections begun at about the same time may share one.
        await stage.wait(5_000);
        stage.subject.breakNetwork();
        const { peer: again } = await back(stage, session, 'OPEN resume');
        assert.equal(shown(again), 'Bearer T2');
      },
    },
    {
      name: 'a token that is about to expire is renewed within the stream, in time, and without a pause',
      needs: ['tokens'],
      async run(stage) {
        const asked = numbered(stage);
        const { peer, session } = await openedSession(stage);
        for (let n = 2; n <= 5; n += 1) {
          peer.writes(throttle('token', 60_000));
          const since = stage.clock.now();
          void sends(session, n - 1, n - 1);
          await peer.reads('s', `DATA ${n - 1}`);
          assert.equal(stage.clock.now(), since);
          const { token } = await peer.says('authenticate');
          const waited = stage.clock.now() - since;
          assert.equal(token, `T${n}`);
          assert.ok(waited >= 20_000, `it asked for the next after ${waited} ms of 60,000`);
          assert.ok(waited < 60_000, `it was too late: ${waited} ms of 60,000`);
          peer.welcomes();
        }
        await stage.wait(120_000);
        assert.equal(asked.asked, 5);
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'a Throttle of another scope says nothing of tokens',
      needs: ['tokens'],
      async run(stage) {
        const asked = numbered(stage);
        const { peer } = await openedSession(stage);
        peer.writes(throttle('messages', 1_000), throttle('', 1_000));
        await stage.wait(10_000);
        await peer.silent('');
        assert.equal(asked.asked, 1);
      },
    },
    {
      name: 'where only the gateway can not tell, it tries again before the token expires',
      needs: ['tokens'],
      async run(stage) {
        numbered(stage);
        const { peer } = await openedSession(stage);
        peer.writes(throttle('token', 60_000));
        await peer.says('authenticate');
        const since = stage.clock.now();
        peer.writes(
          controlMessage({
            action: 'error',
            code: 'AUTH_UNAVAILABLE',
            message: 'the keys are out of reach',
            sequence: 0,
            retryAfterMs: 0,
          }),
        );
        await peer.says('authenticate');
        assert.ok(stage.clock.now() - since < 60_000);
        peer.welcomes();
        assert.equal(stage.connections, 1);
      },
    },
    {
      name: 'a connection that ends TOKEN_EXPIRED is followed by one with a fresh token, and its sessions resumed',
      needs: ['tokens'],
      async run(stage) {
        numbered(stage);
        const { peer, session } = await openedSession(stage);
        void sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        peer.ends(new SluiceError('TOKEN_EXPIRED', 'it expired'));
        const { peer: again } = await back(stage, session, 'OPEN resume');
        assert.equal(shown(again), 'Bearer T2');
      },
    },
    {
      name: 'tokens that are refused again and again are not shown for ever',
      needs: ['tokens'],
      async run(stage) {
        numbered(stage);
        stage.onConnection = (peer) => {
          peer.ends(new SluiceError('UNAUTHENTICATED', 'it is wrong'));
        };
        stage.welcoming = false;
        const session = stage.open();
        assert.equal(await stage.resolves(session.opened, 'the refusal'), 'UNAUTHENTICATED');
        assert.ok(stage.connections <= 3, `${stage.connections} connections`);
      },
    },
    {
      name: 'a client without a token does not answer what speaks of tokens',
      async run(stage) {
        const { peer } = await opening(stage);
        peer.writes(throttle('token', 1_000));
        await stage.wait(5_000);
        await peer.silent('');
      },
    },
  ],
};

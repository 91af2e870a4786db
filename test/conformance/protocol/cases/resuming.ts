import assert from 'node:assert/strict';
import { OverflowPolicy } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, FLOOD, opened, openedOn, takeThrough } from '../scenes.js';
import { ack, data, open, pause, resume, unpause } from '../say.js';

export const resuming: Section = {
  title: 'Resume',
  cases: [
    {
      name: 'the replay goes on after the last sequence received',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { produce: 5 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3', 'DATA 4', 'DATA 5');
        peer.connection.break();
        const again = await back(stage, session, 3);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 4 #4', 'DATA 5 #5');
        await again.silent(session);
      },
    },
    {
      name: 'the last sequence received acknowledges nothing',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 5 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        peer.connection.break();
        const second = await back(stage, session, 3, { windowMessages: 3 });
        await second.reads(session, 'OPENED resumed');
        await second.silent(session);
        second.connection.break();
        const third = await back(stage, session, 0, { windowMessages: 3 });
        await third.reads(session, 'OPENED resumed', 'DATA 1 #1', 'DATA 2 #2', 'DATA 3 #3');
        third.write(ack(session, 1));
        await third.reads(session, 'DATA 4 #4');
      },
    },
    {
      name: 'what is up to the stated position counts as sent: it may be acknowledged (D18)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 4 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.connection.break();
        const again = await back(stage, session, 2, { windowMessages: 2 });
        await again.reads(session, 'OPENED resumed');
        again.write(ack(session, 2));
        await again.reads(session, 'DATA 3', 'DATA 4');
      },
    },
    {
      name: 'Opened names the last client sequence that the gateway holds; the client goes on after it',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1), data(session, 2, { hold: name }), data(session, 3));
        await peer.reads(session, 'DATA 1 "m1"');
        await peer.acked(session, 1);
        peer.connection.break();
        const again = await back(stage, session, 1);
        const other = stage.session();
        await openedOn(again, other);
        await again.reads(session, 'OPENED resumed received 3 ack 1');
        again.write(data(session, 4), data(other, 1, { release: name }));
        await again.reads(session, 'DATA 2 "m2"', 'DATA 3 "m3"', 'DATA 4 "m4"');
        await again.acked(session, 4);
      },
    },
    {
      name: 'what the client sends again of what the gateway holds is a duplicate, and handled once',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1), data(session, 2));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.connection.break();
        const again = await back(stage, session, 2);
        await again.reads(session, 'OPENED resumed received 2');
        again.write(data(session, 1), data(session, 2), data(session, 3));
        await again.reads(session, 'DATA 3 "m3"');
        await again.silent(session);
      },
    },
    {
      name: 'a lost ack is told again, with Opened or at once after it',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { accept: '' }), data(session, 2, { accept: '' }));
        await peer.settled();
        peer.connection.break();
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 2');
        await again.acked(session, 2);
      },
    },
    {
      name: 'the route goes on while the client is away; what it sends waits for it',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, produce: 3 }), data(session, 2, { produce: 1 }));
        await peer.settled();
        peer.connection.break();
        helper.peer.write(data(helper.session, 1, { release: name }));
        await helper.peer.acked(helper.session, 1);
        const again = await back(stage, session, 0);
        await again.reads(
          session,
          'OPENED resumed received 2',
          'DATA 1 #1',
          'DATA 2 #2',
          'DATA 3 #3',
          'DATA 4 #1',
        );
        await again.acked(session, 2);
      },
    },
    {
      name: "the policy of the first Open holds while the client is away; a resuming Open's is ignored",
      async run(stage) {
        const { peer, session } = await opened(stage, { overflow: OverflowPolicy.DROP_NEWEST });
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, ...FLOOD }));
        await peer.settled();
        peer.connection.break();
        helper.peer.write(data(helper.session, 1, { release: name }));
        await helper.peer.acked(helper.session, 1);
        const again = await back(stage, session, 0, { overflow: OverflowPolicy.DROP_OLDEST });
        await again.reads(session, 'OPENED resumed');
        const { data: messages, gaps } = await takeThrough(again, session, FLOOD.produce);
        assert.equal(messages[0]?.sequence, 1);
        assert.equal(gaps.at(-1)?.to, FLOOD.produce);
      },
    },
    {
      name: "a resuming Open's route and subject are ignored",
      async run(stage) {
        const { peer, session } = await opened(stage, { subject: 'tea' });
        peer.connection.break();
        const again = await back(stage, session, 0, { route: `no-${stage.name()}`, subject: 'milk' });
        again.write(data(session, 1, { who: '' }));
        const [, answer] = await again.reads(session, 'OPENED resumed', 'DATA 1');
        assert.equal(answer?.metadata?.get('subject'), 'tea');
      },
    },
    {
      name: 'a resuming Open states its own window; what was sent before goes out again as that allows (D13, D14)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 3 });
        peer.write(data(session, 1, { produce: 4 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        peer.connection.break();
        const again = await back(stage, session, 0, { windowMessages: 1 });
        await again.reads(session, 'OPENED resumed', 'DATA 1');
        await again.silent(session);
        again.write(ack(session, 1));
        await again.reads(session, 'DATA 2');
        await again.silent(session);
        again.connection.break();
        const third = await back(stage, session, 1, { windowMessages: 10 });
        await third.reads(session, 'OPENED resumed', 'DATA 2', 'DATA 3', 'DATA 4');
      },
    },
    {
      name: 'what is sent again takes no room from what waits (D14)',
      async run(stage) {
        const kept: number[] = [];
        for (const times of [0, 3]) {
          const { peer, session } = await opened(stage, { overflow: OverflowPolicy.DROP_NEWEST });
          peer.write(data(session, 1, { produce: 50 }));
          for (let n = 1; n <= 50; n += 1) await peer.reads(session, `DATA ${n}`);
          let last = peer;
          for (let i = 0; i < times; i += 1) {
            last.connection.break();
            last = await back(stage, session, 0);
            await last.reads(session, 'OPENED resumed');
            for (let n = 1; n <= 50; n += 1) await last.reads(session, `DATA ${n}`);
          }
          last.write(pause(session), data(session, 2, FLOOD));
          await last.acked(session, 2);
          last.write(unpause(session), ack(session, 50));
          const { data: messages } = await takeThrough(last, session, 50 + FLOOD.produce);
          kept.push(messages.length);
        }
        assert.equal(kept[0], kept[1]);
      },
    },
    {
      name: 'it never creates: a session that is not there is Opened with an empty token, and that token stays dead',
      async run(stage) {
        const session = stage.session();
        const peer = await back(stage, session, 0);
        const [gone] = await peer.reads(session, 'OPENED gone');
        assert(gone?.control?.action === 'opened');
        assert.equal(gone.control.resumed, false);
        peer.write(open(session));
        await peer.reads(session, 'OPENED gone');
        peer.write(resume(session, 0));
        await peer.reads(session, 'OPENED gone');
        const next = { ...stage.session(), id: session.id };
        peer.write(open(next), data(next, 1));
        await peer.reads(next, 'OPENED fresh received 0', 'DATA 1 "m1"');
      },
    },
    {
      name: 'a position above what was ever sent is INVALID_MESSAGE, and ends the session',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 5 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.connection.break();
        const again = await back(stage, session, 3);
        await again.reads(session, 'CLOSED INVALID_MESSAGE');
        const third = await back(stage, session, 0);
        await third.reads(session, 'CLOSED INVALID_MESSAGE');
      },
    },
    {
      name: "what can't be replayed is a Gap: a position below the client's own acks (D19)",
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { produce: 4 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3', 'DATA 4');
        peer.write(ack(session, 3));
        await peer.settled();
        peer.connection.break();
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed', 'GAP 2-3 RESUME_EXPIRED', 'DATA 4 #4');
      },
    },
    {
      name: 'a session lives over many connections, its sequences going on',
      async run(stage) {
        const session = stage.session();
        let peer = await stage.connect();
        await openedOn(peer, session);
        for (let n = 1; n <= 20; n += 1) {
          peer.write(data(session, n));
          await peer.reads(session, `DATA ${n} "m${n}"`);
          if (n % 2 === 0) peer.write(ack(session, n));
          peer.connection.break();
          peer = await back(stage, session, n);
          await peer.reads(session, `OPENED resumed received ${n}`);
        }
      },
    },
    {
      name: 'a client that stays away for longer than the resume window finds its session gone',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const [session, second] = [stage.session(), stage.session()];
        await openedOn(peer, session);
        await openedOn(peer, second);
        peer.connection.break();
        await stage.wait(resumeWindowMs - Math.min(1_000, resumeWindowMs / 4), 10_000);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed');
        await stage.wait(resumeWindowMs / 2);
        again.write(resume(second, 0));
        await again.reads(second, 'OPENED gone');
        // Who is back does not expire.
        again.write(data(session, 1));
        await again.reads(session, 'DATA 1');
        again.connection.break();
        await stage.wait(resumeWindowMs + 1_000, 10_000);
        const third = await back(stage, session, 0);
        await third.reads(session, 'OPENED gone');
      },
    },
    {
      name: 'sessions that wait for their clients are bounded: the one that has waited longest is gone',
      settings: { 'session.maxDetached': 2 },
      async run(stage) {
        const sessions = [];
        for (let n = 1; n <= 3; n += 1) {
          const { peer, session } = await opened(stage);
          sessions.push(session);
          peer.connection.halfClose();
          await peer.ends(0, '');
        }
        const [first, second, third] = sessions;
        const peer = await back(stage, first!, 0);
        await peer.reads(first!, 'OPENED gone');
        peer.write(resume(second!, 0), resume(third!, 0));
        await peer.reads(second!, 'OPENED resumed');
        await peer.reads(third!, 'OPENED resumed');
      },
    },
    {
      name: 'sessions that wait for their clients are bounded in bytes: the costliest is gone',
      settings: { 'session.maxDetachedSize': '100KiB' },
      async run(stage) {
        const sessions = [];
        for (const size of [10_000, 70_000, 40_000]) {
          const { peer, session } = await opened(stage);
          peer.write(data(session, 1, { produce: 1, size }));
          await peer.reads(session, 'DATA 1');
          sessions.push(session);
          peer.connection.halfClose();
          await peer.ends(0, '');
        }
        const [small, large, medium] = sessions;
        const peer = await back(stage, large!, 0);
        await peer.reads(large!, 'OPENED gone');
        peer.write(resume(small!, 0), resume(medium!, 0));
        await peer.reads(small!, 'OPENED resumed', 'DATA 1');
        await peer.reads(medium!, 'OPENED resumed', 'DATA 1');
      },
    },
    {
      name: 'each session waits for its own resume window, whatever became of others',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const second = await opened(stage);
        const helper = stage.dial();
        const { resumeWindowMs } = await helper.welcomed();
        peer.connection.break();
        await stage.wait(resumeWindowMs / 2);
        second.peer.connection.break();
        // The first is over now, the second for half of its window more.
        await stage.wait(resumeWindowMs * 0.6);
        helper.write(resume(session, 0));
        await helper.reads(session, 'OPENED gone');
        await stage.wait(resumeWindowMs * 0.5);
        helper.write(resume(second.session, 0));
        await helper.reads(second.session, 'OPENED gone');
      },
    },
    {
      name: 'half-open: the gateway still believes in the older connection, and the client comes back on another',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { produce: 3 }));
        await peer.reads(session, 'DATA 1', 'DATA 2', 'DATA 3');
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 2 #2', 'DATA 3 #3');
        await peer.reads(session, 'CLOSED TAKEN_OVER');
      },
    },
  ],
};

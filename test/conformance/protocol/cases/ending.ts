import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { back, FLOOD, opened, openedOn, takeThrough } from '../scenes.js';
import { ack, close, data, many, open, plain, resume } from '../say.js';

export const ending: Section = {
  title: 'Ending a session',
  cases: [
    {
      name: 'Close: the inbox is handled, what waits is delivered, all is acknowledged, then Closed with the final ack',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(
          data(session, 1, { hold: name, produce: 3 }),
          data(session, 2, { fail: 'x' }),
          close(session),
        );
        await peer.silent(session);
        helper.peer.write(data(helper.session, 1, { release: name }));
        const events = await peer.reads(session, '', '', '');
        assert.equal(events.filter(({ control }) => control?.action === 'error').length, 1);
        assert.equal(events.filter(({ control }) => control === undefined).length, 2);
        await peer.silent(session);
        peer.write(ack(session, 2));
        await peer.reads(session, 'DATA 3 #3');
        await peer.silent(session);
        peer.write(ack(session, 3));
        await peer.reads(session, 'CLOSED ok ack 2');
      },
    },
    {
      name: 'Close is idempotent',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1), close(session), close(session));
        await peer.reads(session, 'DATA 1');
        peer.write(close(session), ack(session, 1));
        await peer.reads(session, 'CLOSED ok ack 1');
        peer.write(close(session));
        await peer.silent(session);
      },
    },
    {
      name: "Close is repeated after a resume, behind the client's DATA",
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1), close(session));
        await peer.reads(session, 'DATA 1');
        peer.connection.break();
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed received 1');
        again.write(close(session), ack(session, 1));
        await again.reads(session, 'CLOSED ok ack 1');
      },
    },
    {
      name: 'a lost Close: what was under way with it is sent again, and Close behind it',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { accept: '' }));
        await peer.acked(session, 1);
        peer.connection.break();
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1');
        again.write(data(session, 2, { accept: '' }), close(session));
        await again.reads(session, 'CLOSED ok ack 2');
      },
    },
    {
      name: 'a Gap has to be acknowledged, too, before Closed (D25)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 1 }));
        await peer.reads(session, 'DATA 1');
        peer.write(data(session, 2, { produce: 1, 'ttl-ms': 50 }));
        await peer.acked(session, 2);
        await stage.wait(150);
        peer.write(close(session), ack(session, 1));
        await peer.reads(session, 'GAP 2-2 expired');
        await peer.silent(session);
        peer.connection.break();
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed', 'GAP 2-2 expired');
        again.write(close(session), ack(session, 2));
        await again.reads(session, 'CLOSED ok ack 2');
      },
    },
    {
      name: 'DATA with a new number behind Close is INVALID_MESSAGE (D24)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1), close(session), data(session, 1));
        await peer.reads(session, 'DATA 1');
        await peer.silent(session);
        peer.write(data(session, 2));
        await peer.reads(session, 'CLOSED INVALID_MESSAGE ack 1');
      },
    },
    {
      name: 'Closed with an error code discards what waits, and follows what was written',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 5 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        await peer.acked(session, 1);
        peer.write(data(session, 7));
        await peer.reads(session, 'CLOSED SEQUENCE_GAP ack 1');
        await peer.silent(session);
      },
    },
    {
      name: 'a session that its route ends delivers everything, and is closed when all is acknowledged',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 3 }), data(session, 2, { end: 'enough' }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.write(ack(session, 1));
        await peer.reads(session, 'DATA 3');
        await peer.silent(session);
        peer.write(ack(session, 3));
        const [closed] = await peer.reads(session, 'CLOSED ok');
        assert(closed?.control?.action === 'closed');
        assert.match(closed.control.reason, /enough/);
      },
    },
    {
      name: 'a session that its route ends while the client is away waits to be resumed (D27)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { produce: 2 }), data(session, 2, { hold: name, end: 'enough' }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        peer.connection.break();
        helper.peer.write(data(helper.session, 1, { release: name }));
        await helper.peer.acked(helper.session, 1);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed', 'DATA 1', 'DATA 2');
        again.connection.break();
        const third = await back(stage, session, 2);
        await third.reads(session, 'OPENED resumed');
        await third.silent(session);
        third.write(ack(session, 2));
        await third.reads(session, 'CLOSED ok');
      },
    },
    {
      name: 'so does one with nothing left to deliver: its Closed has to be written',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, end: 'enough' }));
        await peer.settled();
        peer.connection.break();
        // Else the gateway would write Closed to the connection that it does not know to be lost.
        await stage.wait(150);
        helper.peer.write(data(helper.session, 1, { release: name }));
        await helper.peer.acked(helper.session, 1);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed', 'CLOSED ok');
      },
    },
    {
      name: 'new DATA for a session that its route has ended is refused, and stays above the final ack (D27)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { produce: 1 }), data(session, 2, { end: '' }));
        await peer.reads(session, 'DATA 1');
        await peer.settled();
        peer.write(data(session, 3));
        await peer.silent(session);
        peer.write(ack(session, 1));
        const [closed] = await peer.reads(session, 'CLOSED ok');
        assert(closed !== undefined && closed.ack <= 2);
      },
    },
    {
      name: 'what the route had not handled when it ended the session is not acknowledged',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, end: '' }), data(session, 2), data(session, 3));
        await peer.settled();
        helper.peer.write(data(helper.session, 1, { release: name }));
        const [closed] = await peer.reads(session, 'CLOSED ok');
        assert(closed !== undefined && closed.ack <= 1);
      },
    },
    {
      name: 'a resume of an ended session gets its Errors and its Closed again, and creates nothing',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { fail: 'x' }), data(session, 2, { accept: '' }), close(session));
        await peer.reads(session, 'ERROR 1', 'CLOSED ok ack 2');
        const second = await back(stage, session, 0);
        await second.reads(session, 'ERROR 1 ROUTE_FAILED "x"', 'CLOSED ok ack 2');
        second.write(data(session, 3));
        await second.silent(session);
        second.write(open(session));
        await second.reads(session, 'ERROR 1', 'CLOSED ok ack 2');
        const next = { ...stage.session(), id: session.id };
        second.write(open(next));
        await second.reads(next, 'OPENED fresh received 0');
        const third = await back(stage, session, 0);
        await third.reads(session, 'ERROR 1', 'CLOSED ok ack 2');
      },
    },
    {
      name: 'so does that of a session that ended with an error code, and an Open below its attempt is TAKEN_OVER',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, { accept: '' }));
        await peer.acked(session, 1);
        peer.write(data(session, 9));
        await peer.reads(session, 'CLOSED SEQUENCE_GAP ack 1');
        const again = await back(stage, session, 0, { attempt: 4 });
        await again.reads(session, 'CLOSED SEQUENCE_GAP ack 1');
        again.write(resume(session, 0, { attempt: 3 }));
        await again.reads(session, 'CLOSED TAKEN_OVER');
      },
    },
    {
      name: 'the record of an ended session is kept for the resume window',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(close(session));
        await peer.reads(session, 'CLOSED ok');
        await stage.wait(resumeWindowMs / 2);
        peer.write(resume(session, 0));
        await peer.reads(session, 'CLOSED ok');
        await stage.wait(resumeWindowMs / 2 + 500);
        peer.write(resume(session, 0));
        await peer.reads(session, 'OPENED gone');
      },
    },
    {
      name: 'a closing session whose client makes no progress for the resume window ends SLOW_CONSUMER (D26)',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(data(session, 1, { produce: 2 }), close(session));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        await stage.wait(resumeWindowMs * 0.7);
        peer.write(ack(session, 1));
        await stage.wait(resumeWindowMs * 0.7);
        await peer.silent(session);
        peer.write(ack(session, 1), close(session));
        await stage.wait(resumeWindowMs * 0.5);
        await peer.reads(session, 'CLOSED SLOW_CONSUMER ack 1');
      },
    },
    {
      name: 'so does a session that its route has ended',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(data(session, 1, { produce: 1 }), data(session, 2, { end: '' }));
        await peer.reads(session, 'DATA 1');
        await stage.wait(resumeWindowMs + 500);
        await peer.reads(session, 'CLOSED SLOW_CONSUMER');
      },
    },
    {
      name: 'a session that its route has ended expires like any other (D27)',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(data(session, 1, { produce: 1 }), data(session, 2, { end: '' }));
        await peer.reads(session, 'DATA 1');
        peer.connection.break();
        await stage.wait(resumeWindowMs + 500);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED gone');
      },
    },
    {
      name: 'the records of ended sessions are bounded: the oldest of a client goes first',
      settings: { 'session.maxEndedPerClient': 2 },
      async run(stage) {
        const peer = await stage.connect();
        const sessions = [stage.session(), stage.session(), stage.session()];
        for (const session of sessions) {
          await openedOn(peer, session);
          peer.write(close(session));
          await peer.reads(session, 'CLOSED ok');
        }
        const [first, second, third] = sessions;
        peer.write(resume(second!, 0), resume(third!, 0), resume(first!, 0));
        await peer.reads(second!, 'CLOSED ok');
        await peer.reads(third!, 'CLOSED ok');
        await peer.reads(first!, 'OPENED gone');
      },
    },
    {
      name: 'a slow route is no slow consumer (D26)',
      async run(stage) {
        const peer = stage.dial();
        const { resumeWindowMs } = await peer.welcomed();
        const session = stage.session();
        const name = stage.name();
        await openedOn(peer, session);
        peer.write(data(session, 1, { hold: name }), close(session));
        await stage.wait(resumeWindowMs + 500);
        await peer.silent(session);
        const helper = await opened(stage);
        helper.peer.write(data(helper.session, 1, { release: name }));
        await peer.reads(session, 'DATA 1');
        peer.write(ack(session, 1));
        await peer.reads(session, 'CLOSED ok ack 1');
      },
    },
    {
      name: 'after a half-close everything received is handled and delivered, the sessions detach, the status is OK',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name }), ...many(session, 2, 20));
        peer.connection.halfClose();
        await helper.peer.settled();
        peer.takeIn();
        assert.equal(peer.connection.ending, undefined, 'it ended before everything was handled');
        helper.peer.write(data(helper.session, 1, { release: name }));
        for (let n = 1; n <= 20; n += 1) await peer.reads(session, `DATA ${n} "m${n}"`);
        await peer.ends(0, '');
        const again = await back(stage, session, 20);
        await again.reads(session, 'OPENED resumed received 20');
        await again.acked(session, 20);
      },
    },
    {
      name: 'after a half-close what windows allow is delivered; the rest waits for the client to come back',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 5 }));
        peer.connection.halfClose();
        await peer.reads(session, 'DATA 1', 'DATA 2');
        await peer.ends(0, '');
        const again = await back(stage, session, 2);
        await again.reads(session, 'OPENED resumed', 'DATA 3', 'DATA 4', 'DATA 5');
      },
    },
    {
      name: 'a half-close does not wait for a route that waits for room which only acks could give (D30)',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, FLOOD), data(session, 2, { accept: '' }));
        peer.connection.halfClose();
        await peer.reads(session, 'DATA 1');
        await peer.ends(0, '');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 2 ack 0');
        const { gaps } = await takeThrough(again, session, FLOOD.produce);
        assert.deepEqual(gaps, []);
        await again.acked(session, 2);
      },
    },
    {
      name: 'simple: after a half-close everything received is handled and delivered, the status is OK',
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        for (let n = 1; n <= 20; n += 1) peer.write(plain('s', `n${n}`));
        peer.connection.halfClose();
        for (let n = 1; n <= 20; n += 1) await peer.reads('s', `DATA 0 "n${n}"`);
        await peer.ends(0, '');
      },
    },
    {
      name: 'simple: Close is answered with Closed, behind what was said; the name opens another session',
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        peer.write(plain('s', 'one'), plain('s', 'two'), close({ ...stage.session(), id: 's' }));
        await peer.reads('s', 'DATA 0 "one"', 'DATA 0 "two"', 'CLOSED ok');
        peer.write(plain('s', 'x', { recent: '' }));
        await peer.reads('s', 'DATA 0 "1"');
      },
    },
  ],
};

import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import type { Section } from '../case.js';
import { data, many, open, pause, resume } from '../say.js';

export const errors: Section = {
  title: "A route's failure on one message",
  cases: [
    {
      name: 'is an Error that names its sequence; the session goes on, and the ack covers it',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1), data(session, 2, { fail: 'no tea' }), data(session, 3));
        await peer.reads(session, 'OPENED fresh');
        // Nothing says which comes first, the Error or the data.
        const messages = await peer.reads(session, '', '', '');
        const [error] = messages.flatMap(({ control }) => (control?.action === 'error' ? [control] : []));
        assert(error !== undefined);
        assert.deepEqual([error.sequence, error.code], [2, 'ROUTE_FAILED']);
        assert.match(error.message, /no tea/);
        const answers = messages.filter(({ control }) => control === undefined);
        assert.deepEqual(
          answers.map(({ data: bytes }) => Buffer.from(bytes).toString()),
          ['m1', 'm3'],
        );
        await peer.acked(session, 3);
      },
    },
    {
      name: 'is ROUTE_FAILED also where the route breaks',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1, { throw: 'oops' }), data(session, 2));
        await peer.reads(session, 'OPENED fresh', 'ERROR 1 ROUTE_FAILED', 'DATA 1 "m2"');
      },
    },
    {
      name: 'is told to a client that is paused and whose window is full',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session, { windowMessages: 1 }), data(session, 1));
        await peer.reads(session, 'OPENED fresh', 'DATA 1');
        peer.write(pause(session), data(session, 2), data(session, 3, { fail: 'x' }));
        await peer.reads(session, 'ERROR 3');
        await peer.acked(session, 3);
      },
    },
    {
      name: 'comes before any ack that covers it, also in the middle of a batch',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session));
        await peer.reads(session, 'OPENED fresh');
        for (let n = 1; n <= 60; n += 1)
          peer.write(data(session, n, n % 3 === 0 ? { fail: 'x' } : { accept: '' }));
        // That it does is what every message is watched for.
        for (let n = 3; n <= 60; n += 3) await peer.reads(session, `ERROR ${n}`);
        await peer.acked(session, 60);
      },
    },
    {
      name: 'is told again after a resume, before any ack that covers it, each time (D1)',
      async run(stage) {
        const session = stage.session();
        let peer = await stage.connect();
        peer.write(
          open(session),
          data(session, 1, { accept: '' }),
          data(session, 2, { fail: 'x' }),
          data(session, 3, { fail: 'y' }),
          data(session, 4, { accept: '' }),
        );
        await peer.reads(session, 'OPENED fresh', 'ERROR 2', 'ERROR 3');
        await peer.acked(session, 4);
        for (let i = 0; i < 2; i += 1) {
          peer.connection.break();
          peer = await stage.connect();
          peer.write(resume(session, 0));
          await peer.reads(session, 'OPENED resumed received 4 ack 1', 'ERROR 2', 'ERROR 3');
          await peer.acked(session, 4);
        }
      },
    },
    {
      name: 'that happened while the client was away is told when it is back',
      async run(stage) {
        const [session, other] = [stage.session(), stage.session()];
        const [one, helper] = [await stage.connect(), await stage.connect()];
        const name = stage.name();
        helper.write(open(other));
        one.write(open(session), data(session, 1, { hold: name, fail: 'late' }));
        await one.reads(session, 'OPENED fresh');
        await one.settled();
        one.connection.break();
        helper.write(data(other, 1, { release: name }));
        await helper.acked(other, 1);
        const again = await stage.connect();
        again.write(resume(session, 0));
        await again.reads(session, 'OPENED resumed received 1 ack 0', 'ERROR 1 ROUTE_FAILED "late"');
        await again.acked(session, 1);
      },
    },
    {
      name: 'is told for everything received, also where the connection breaks while its answers wait to be written',
      async run(stage) {
        const session = stage.session();
        const peer = await stage.connect();
        peer.write(open(session));
        const [opened] = await peer.reads(session, 'OPENED fresh');
        assert(opened?.control?.action === 'opened');
        const last = Math.min(opened.control.windowMessages, 250);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, accept: '' }));
        for (let n = 2; n <= last; n += 1) peer.write(data(session, n, { fail: '€'.repeat(2_000) }));
        await peer.settled();
        peer.connection.stopReading();
        const [helper, other] = [stage.session(), await stage.connect()];
        other.write(open(helper), data(helper, 1, { release: name }));
        await other.acked(helper, 1);
        await other.settled();
        peer.connection.break();
        other.write(resume(session, 0));
        const [again] = await other.reads(session, 'OPENED resumed');
        assert(again?.control?.action === 'opened');
        assert.equal(again.control.lastReceivedSequence, last);
        for (let n = 2; n <= last; n += 1) await other.reads(session, `ERROR ${n} ROUTE_FAILED`);
        await other.acked(session, last);
      },
    },
    {
      name: 'is forgotten a window of client sequences later (D2)',
      async run(stage) {
        const session = stage.session();
        const peer = await stage.connect();
        peer.write(open(session), data(session, 1, { fail: 'x' }));
        const [opened] = await peer.reads(session, 'OPENED fresh', 'ERROR 1');
        assert(opened?.control?.action === 'opened');
        await peer.acked(session, 1);
        const last = opened.control.windowMessages + 1;
        const step = 64;
        for (let n = 2; n <= last; n += step) {
          const to = Math.min(last, n + step - 1);
          peer.write(...many(session, n, to, { accept: '' }));
          await peer.acked(session, to);
        }
        peer.connection.break();
        const again = await stage.connect();
        again.write(resume(session, 0));
        await again.reads(session, `OPENED resumed received ${last} ack ${last}`);
        await again.silent(session);
      },
    },
    {
      name: 'the end of a connection names its catalogue code in the details of its status',
      async run(stage) {
        const peer = await stage.connect();
        peer.write(data(stage.session(), 7));
        const { message } = await peer.ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
        assert.match(message, /7/);
      },
    },
  ],
};

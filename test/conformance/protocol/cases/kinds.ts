import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import type { Section } from '../case.js';
import { ack, close, data, heartbeat, open, pause, plain, probe } from '../say.js';

export const kinds: Section = {
  title: 'Two kinds of connection',
  cases: [
    {
      name: 'simple: a session opens by being named; nothing is sequenced, nothing acknowledged',
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        peer.write(plain('one', 'hello'), plain('two', 'you'));
        const [hello] = await peer.reads('one', 'DATA 0 "hello"');
        await peer.reads('two', 'DATA 0 "you"');
        await stage.wait(150);
        await peer.silent('one');
        assert.equal(hello?.ack, 0);
        assert.equal(peer.ackOf({ ...stage.session(), id: 'one' }), 0);
      },
    },
    {
      name: 'simple: a HEARTBEAT or HEALTH_CHECK before does not choose the kind',
      async run(stage) {
        const metadata = { 'x-route': stage.target.route };
        const [simple, windowed] = [await stage.connect({ metadata }), await stage.connect()];
        for (const peer of [simple, windowed]) peer.write(heartbeat(), probe(5));
        simple.write(plain('one', 'hello'));
        await simple.reads('one', 'DATA 0 "hello"');
        const session = stage.session();
        windowed.write(open(session), data(session, 1));
        await windowed.reads(session, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'simple: sessions are private to their connection, and end with it',
      async run(stage) {
        const metadata = { 'x-route': stage.target.route };
        const [one, other] = [await stage.connect({ metadata }), await stage.connect({ metadata })];
        one.write(plain('s', 'first'), plain('s', 'second'), plain('s', 'x', { recent: '' }));
        await one.reads('s', 'DATA 0 "first"', 'DATA 0 "second"', 'DATA 0 "3"');
        other.write(plain('s', 'x', { recent: '' }));
        await other.reads('s', 'DATA 0 "1"');
        one.connection.break();
        const again = await stage.connect({ metadata });
        again.write(plain('s', 'x', { recent: '' }));
        await again.reads('s', 'DATA 0 "1"');
        await other.silent('s');
      },
    },
    {
      name: 'simple: the metadata x-subject is what its sessions ask for',
      async run(stage) {
        const metadata = { 'x-route': stage.target.route, 'x-subject': 'tea' };
        const peer = await stage.connect({ metadata });
        peer.write(plain('s', 'x', { who: '' }));
        const [answer] = await peer.reads('s', 'DATA 0');
        assert.equal(answer?.metadata?.get('subject'), 'tea');
      },
    },
    {
      name: 'simple: a route that is not there ends the connection UNKNOWN_ROUTE',
      async run(stage) {
        const peer = stage.dial({ metadata: { 'x-route': `no-${stage.name()}` } });
        await peer.ends(GrpcStatus.NOT_FOUND, 'UNKNOWN_ROUTE');
      },
    },
    {
      name: 'simple: Open is INVALID_MESSAGE; the connection goes on',
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        const session = stage.session();
        peer.write(plain('s', 'one'), open(session), plain('s', 'two'));
        await peer.reads(session, 'CLOSED INVALID_MESSAGE');
        await peer.reads('s', 'DATA 0 "one"', 'DATA 0 "two"');
      },
    },
    {
      name: 'simple: a full inbox stops the reading, and nothing is lost',
      settings: { 'stream.receiveQueueMessages': 8 },
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        const other = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        const name = stage.name();
        peer.write(plain('s', 'x', { hold: name, accept: '' }));
        for (let n = 1; n <= 100; n += 1) peer.write(plain('s', `n${n}`));
        peer.write(plain('t', 'behind'));
        await other.settled();
        await other.settled();
        peer.takeIn();
        assert.equal(peer.connection.received.length, 1, 'something was answered: it was read');
        other.write(plain('r', 'x', { release: name }));
        for (let n = 1; n <= 100; n += 1) await peer.reads('s', `DATA 0 "n${n}"`);
        await peer.reads('t', 'DATA 0 "behind"');
      },
    },
    {
      name: 'windowed: what comes for a session that is not open is refused without an answer',
      async run(stage) {
        const peer = await stage.connect();
        const [session, unknown] = [stage.session(), stage.session()];
        peer.write(open(session));
        await peer.reads(session, 'OPENED fresh');
        peer.write(data(unknown, 1), data(unknown, 0), ack(unknown, 1), close(unknown), pause(unknown));
        await peer.silent(unknown);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'windowed: what is under way for a session that has ended is refused; the connection goes on',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        peer.write(open(session), open(other), data(session, 1), close(session));
        await peer.reads(session, 'OPENED fresh', 'DATA 1');
        peer.write(ack(session, 1));
        await peer.reads(session, 'CLOSED ok ack 1');
        peer.write(data(session, 2), data(session, 3), ack(session, 1), close(session), data(other, 1));
        await peer.reads(other, 'OPENED fresh', 'DATA 1 "m1"');
        await peer.silent(session);
      },
    },
    {
      name: 'windowed: unsequenced DATA in an opened session is INVALID_MESSAGE for it, and for nothing else',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        peer.write(open(session), open(other));
        await peer.reads(session, 'OPENED fresh');
        peer.write(data(session, 0), data(other, 1));
        await peer.reads(session, 'CLOSED INVALID_MESSAGE');
        await peer.reads(other, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'sequenced DATA before any Open ends the connection INVALID_MESSAGE',
      async run(stage) {
        const peer = await stage.connect();
        peer.write(data(stage.session(), 1));
        await peer.ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
      },
    },
    {
      name: 'a windowed connection is always read: a session that is stuck stops no other',
      async run(stage) {
        const peer = await stage.connect();
        const [stuck, other, third] = [stage.session(), stage.session(), stage.session()];
        peer.write(open(stuck), open(other), open(third, { windowMessages: 1 }));
        const [opened] = await peer.reads(stuck, 'OPENED fresh');
        await peer.reads(third, 'OPENED fresh');
        assert(opened?.control?.action === 'opened');
        const { windowMessages } = opened.control;
        // One's route takes nothing, up to its last message; another's client takes nothing.
        for (let n = 1; n <= windowMessages; n += 1) peer.write(data(stuck, n, { never: '' }));
        peer.write(data(third, 1, { produce: 2_000, size: 1_024 }));
        await peer.reads(other, 'OPENED fresh');
        for (let n = 1; n <= 20; n += 1) {
          peer.write(data(other, n), ack(other, n - 1));
          await peer.reads(other, `DATA ${n} "m${n}"`);
        }
        await peer.acked(other, 20);
      },
    },
  ],
};

import assert from 'node:assert/strict';
import { EMPTY_BYTES, OverflowPolicy } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { NARROW_ROUTE } from '../in-process.js';
import { ack, changeWindow, close, data, many, open, resume } from '../say.js';

const FLOOR = { messages: 64, bytes: 64 * 1024 };

export const opening: Section = {
  title: 'Opening',
  cases: [
    {
      name: 'Opened grants at least 64 messages and 64 KiB, and repeats the token',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session));
        const [opened] = await peer.reads(session, 'OPENED fresh received 0 ack 0');
        assert(opened?.control?.action === 'opened');
        assert(opened.control.windowMessages >= FLOOR.messages);
        assert(opened.control.windowBytes >= FLOOR.bytes);
        assert.deepEqual(Buffer.from(opened.control.resumeToken), Buffer.from(session.token));
      },
    },
    {
      name: 'a fresh Open may be followed by 64 messages before Opened has come',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), ...many(session, 1, FLOOR.messages));
        await peer.reads(session, 'OPENED fresh received 0');
        for (let n = 1; n <= FLOOR.messages; n += 1) await peer.reads(session, `DATA ${n} "m${n}"`);
        await peer.acked(session, FLOOR.messages);
      },
    },
    {
      name: 'a fresh Open may be followed by 64 KiB before Opened has come',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        const half = Buffer.alloc(FLOOR.bytes / 2 - 'accept'.length);
        peer.write(
          open(session),
          data(session, 1, { accept: '' }, { data: half }),
          data(session, 2, { accept: '' }, { data: half }),
        );
        await peer.reads(session, 'OPENED fresh');
        await peer.acked(session, 2);
      },
    },
    {
      name: 'Open and Close keep their place among the DATA of their session',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), ...many(session, 1, 3, { accept: '' }), close(session));
        await peer.reads(session, 'OPENED fresh', 'CLOSED ok ack 3');
      },
    },
    {
      name: 'everything but Open and Close acts on arrival, whatever waits before it',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(
          open(session, { windowMessages: 1 }),
          data(session, 1, { produce: 3 }),
          data(session, 2, { never: '' }),
        );
        await peer.reads(session, 'OPENED fresh', 'DATA 1 #1');
        await peer.silent(session);
        peer.write(data(session, 3), changeWindow(session, 2));
        await peer.reads(session, 'DATA 2 #2');
        peer.write(data(session, 4), ack(session, 2));
        await peer.reads(session, 'DATA 3 #3');
      },
    },
    {
      name: 'a second Open on the same connection ends the session INVALID_MESSAGE; after Closed it opens again',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1));
        await peer.reads(session, 'OPENED fresh', 'DATA 1');
        peer.write(open(session));
        await peer.reads(session, 'CLOSED INVALID_MESSAGE');
        const next = { ...stage.session(), id: session.id };
        peer.write(open(next), data(next, 1));
        await peer.reads(next, 'OPENED fresh received 0 ack 0', 'DATA 1 "m1"');
      },
    },
    {
      name: 'an unknown route is Closed{UNKNOWN_ROUTE}; the connection goes on',
      async run(stage) {
        const peer = await stage.connect();
        const [wrong, right] = [stage.session(`no-${stage.name()}`), stage.session()];
        peer.write(open(wrong), open(right), data(right, 1));
        await peer.reads(wrong, 'CLOSED UNKNOWN_ROUTE');
        await peer.reads(right, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'what follows an Open that is refused is refused with it, without an answer',
      async run(stage) {
        const peer = await stage.connect();
        const [wrong, right] = [stage.session(`no-${stage.name()}`), stage.session()];
        peer.write(open(wrong), ...many(wrong, 1, 3), close(wrong), open(right), data(right, 1));
        await peer.reads(wrong, 'CLOSED UNKNOWN_ROUTE');
        await peer.reads(right, 'OPENED fresh', 'DATA 1 "m1"');
        await peer.silent(wrong);
      },
    },
    {
      name: 'without a token of the client the gateway makes one of 16 bytes, with which the session is resumed',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session, { resumeToken: EMPTY_BYTES }), data(session, 1, { accept: '' }));
        const [opened] = await peer.reads(session, 'OPENED fresh');
        await peer.acked(session, 1);
        assert(opened?.control?.action === 'opened');
        const { resumeToken } = opened.control;
        assert.equal(resumeToken.length, 16);
        peer.connection.break();
        const again = await stage.connect();
        again.write(resume(session, 0, { resumeToken }));
        await again.reads(session, 'OPENED resumed received 1 ack 1');
      },
    },
    {
      name: 'a token of another length ends the attempt INVALID_MESSAGE, and leaves a session as it was (D9)',
      async run(stage) {
        const [one, other] = [await stage.connect(), await stage.connect()];
        const session = stage.session();
        one.write(open(session));
        await one.reads(session, 'OPENED fresh');
        other.write(resume(session, 0, { resumeToken: new Uint8Array(15) }));
        await other.reads(session, 'CLOSED INVALID_MESSAGE');
        other.write(resume(session, 0, { resumeToken: EMPTY_BYTES }));
        await other.reads(session, 'CLOSED INVALID_MESSAGE');
        const fresh = stage.session();
        other.write(open(fresh, { resumeToken: new Uint8Array(17) }));
        await other.reads(fresh, 'CLOSED INVALID_MESSAGE');
        one.write(data(session, 1));
        await one.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'a session ID is free again once its session is closed, on whatever connection',
      async run(stage) {
        const [one, other] = [await stage.connect(), await stage.connect()];
        const first = stage.session();
        one.write(open(first), data(first, 1, { accept: '' }), close(first));
        await one.reads(first, 'OPENED fresh', 'CLOSED ok ack 1');
        const second = { ...stage.session(), id: first.id };
        other.write(open(second), data(second, 1));
        await other.reads(second, 'OPENED fresh received 0 ack 0', 'DATA 1 "m1"');
      },
    },
    {
      name: 'a policy that the route does not allow is INVALID_MESSAGE; one that it allows is taken',
      settings: {},
      async run(stage) {
        const peer = await stage.connect();
        const [refused, taken] = [stage.session(NARROW_ROUTE), stage.session(NARROW_ROUTE)];
        peer.write(
          open(refused, { overflow: OverflowPolicy.CONFLATE }),
          open(taken, { overflow: OverflowPolicy.DROP_OLDEST }),
        );
        await peer.reads(refused, 'CLOSED INVALID_MESSAGE');
        await peer.reads(taken, 'OPENED fresh');
      },
    },
    {
      name: 'more sessions than a connection may have are SESSION_LIMIT; a place that is free again is given',
      settings: { 'session.maxPerConnection': 2 },
      async run(stage) {
        const peer = await stage.connect();
        const [one, two, three] = [stage.session(), stage.session(), stage.session()];
        peer.write(open(one), open(two), open(three));
        await peer.reads(one, 'OPENED fresh');
        await peer.reads(two, 'OPENED fresh');
        await peer.reads(three, 'CLOSED SESSION_LIMIT');
        peer.write(close(one));
        await peer.reads(one, 'CLOSED ok');
        const next = stage.session();
        peer.write(open(next));
        await peer.reads(next, 'OPENED fresh');
      },
    },
  ],
};

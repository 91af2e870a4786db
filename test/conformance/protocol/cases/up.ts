import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { data, many, open } from '../say.js';

export const up: Section = {
  title: 'Client to gateway',
  cases: [
    {
      name: 'messages reach the route in order, and are acknowledged cumulatively',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session));
        await peer.reads(session, 'OPENED fresh');
        for (let n = 1; n <= 50; n += 10) peer.write(...many(session, n, n + 9));
        for (let n = 1; n <= 50; n += 1) await peer.reads(session, `DATA ${n} "m${n}"`);
        await peer.acked(session, 50);
      },
    },
    {
      name: 'what the route has finished is acknowledged though there is nothing to ride on',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1, { accept: '' }));
        await peer.acked(session, 1);
      },
    },
    {
      name: 'a sequence is acknowledged only when the route has finished with everything through it',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        const name = stage.name();
        peer.write(open(session), open(other));
        peer.write(
          data(session, 1, { accept: '' }),
          data(session, 2, { hold: name, accept: '' }),
          data(session, 3, { accept: '' }),
        );
        await peer.acked(session, 1);
        await stage.wait(150);
        assert.equal(peer.ackOf(session), 1);
        peer.write(data(other, 1, { release: name }));
        await peer.acked(session, 3);
        await peer.reads(session, 'OPENED fresh');
      },
    },
    {
      name: 'messages of a session are handled one at a time, sessions beside one another',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        const name = stage.name();
        peer.write(open(session), open(other), data(session, 1, { hold: name }), data(session, 2));
        await peer.reads(session, 'OPENED fresh');
        await peer.reads(other, 'OPENED fresh');
        peer.write(data(other, 1));
        await peer.reads(other, 'DATA 1 "m1"');
        await peer.silent(session);
        peer.write(data(other, 2, { release: name }));
        await peer.reads(session, 'DATA 1 "m1"', 'DATA 2 "m2"');
      },
    },
    {
      name: 'a duplicate is refused, and answered with the current cumulative ack',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1), data(session, 2));
        await peer.reads(session, 'OPENED fresh', 'DATA 1', 'DATA 2');
        await peer.acked(session, 2);
        await stage.wait(100);
        peer.forgetAcks(session);
        peer.write(data(session, 1));
        await peer.nextAck(session);
        assert.equal(peer.ackOf(session), 2);
        peer.write(data(session, 3));
        await peer.reads(session, 'DATA 3 "m3"');
      },
    },
    {
      name: 'duplicates are judged by what was received, whether the route has had it or not',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        const name = stage.name();
        peer.write(open(session), open(other), data(session, 1, { hold: name }), data(session, 2));
        await peer.reads(session, 'OPENED fresh');
        await peer.settled();
        peer.forgetAcks(session);
        peer.write(data(session, 2), data(session, 1));
        await peer.nextAck(session);
        peer.write(data(other, 1, { release: name }), data(session, 3));
        await peer.reads(session, 'DATA 1 "m1"', 'DATA 2 "m2"', 'DATA 3 "m3"');
        await peer.acked(session, 3);
        await peer.silent(session);
      },
    },
    {
      name: 'a jump is Closed{SEQUENCE_GAP} for that session, and for no other',
      async run(stage) {
        const peer = await stage.connect();
        const [session, other] = [stage.session(), stage.session()];
        peer.write(open(session), open(other), data(session, 1));
        await peer.reads(session, 'OPENED fresh', 'DATA 1');
        peer.write(data(session, 3), data(other, 1));
        await peer.reads(session, 'CLOSED SEQUENCE_GAP');
        await peer.reads(other, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'a first message that is not 1 is a jump',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 2));
        await peer.reads(session, 'OPENED fresh', 'CLOSED SEQUENCE_GAP ack 0');
      },
    },
    {
      name: 'data, key, metadata and time to live reach the route as they were (D23)',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        const bytes = Buffer.from([0, 255, 10, 13, 128]);
        peer.write(
          open(session),
          data(session, 1, { note: 'ä€𝄞' }, { data: bytes, key: 'sitzung', ttlMs: 3_600_000 }),
        );
        const [, back] = await peer.reads(session, 'OPENED fresh', 'DATA 1');
        assert(back !== undefined);
        assert.deepEqual(Buffer.from(back.data), bytes);
        assert.deepEqual([back.key, back.ttlMs, back.metadata?.get('note')], ['sitzung', 3_600_000, 'ä€𝄞']);
      },
    },
    {
      name: 'a message of no bytes is a message',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session), data(session, 1, {}, { data: new Uint8Array(0) }), data(session, 2));
        await peer.reads(session, 'OPENED fresh', 'DATA 1 0 bytes', 'DATA 2 "m2"');
        await peer.acked(session, 2);
      },
    },
    {
      name: 'a client that waits for acks gets on: four windows, one after the other',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session));
        const [opened] = await peer.reads(session, 'OPENED fresh');
        assert(opened?.control?.action === 'opened');
        const { windowMessages } = opened.control;
        const step = Math.min(windowMessages, 500);
        for (let n = 1; n <= step * 4; n += step) {
          peer.write(...many(session, n, n + step - 1, { accept: '' }));
          await peer.acked(session, n + step - 1);
        }
      },
    },
  ],
};

import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import { OverflowPolicy } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, FLOOD, opened, openedOn, takeThrough } from '../scenes.js';
import { ack, data, pause, plain, unpause } from '../say.js';

export const pausing: Section = {
  title: 'Pause and Resume',
  cases: [
    {
      name: 'Pause stops the delivery of DATA of one session, Resume starts it; others go on',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const other = stage.session();
        await openedOn(peer, other);
        peer.write(pause(session), data(session, 1), data(session, 2), data(other, 1));
        await peer.reads(other, 'DATA 1');
        await peer.acked(session, 2);
        await peer.silent(session);
        peer.write(unpause(session));
        await peer.reads(session, 'DATA 1 "m1"', 'DATA 2 "m2"');
      },
    },
    {
      name: 'Pause without a session stops all, Resume starts all',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const other = stage.session();
        await openedOn(peer, other);
        peer.write(pause(), data(session, 1), data(other, 1));
        await peer.acked(session, 1);
        await peer.silent(session);
        await peer.silent(other);
        peer.write(unpause());
        await peer.reads(session, 'DATA 1');
        await peer.reads(other, 'DATA 1');
      },
    },
    {
      name: 'it belongs to the attachment: each Open starts unpaused',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(pause(session), data(session, 1));
        await peer.acked(session, 1);
        await peer.silent(session);
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 1 "m1"');
      },
    },
    {
      name: 'the policy governs what waits',
      async run(stage) {
        const { peer, session } = await opened(stage, { overflow: OverflowPolicy.DROP_OLDEST });
        peer.write(pause(session), data(session, 1, FLOOD));
        await peer.acked(session, 1);
        await peer.silent(session);
        peer.write(unpause(session));
        const { data: messages, gaps } = await takeThrough(peer, session, FLOOD.produce);
        assert.equal(gaps.length, 1);
        assert.equal(gaps[0]?.from, 1);
        assert.equal(messages.length, FLOOD.produce - gaps[0].to);
      },
    },
    {
      name: 'a Gap waits too (D16)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(pause(session), data(session, 1, { produce: 2, 'ttl-ms': 50 }));
        await peer.acked(session, 1);
        await stage.wait(150);
        await peer.silent(session);
        peer.write(unpause(session));
        await peer.reads(session, 'GAP 1-2 expired');
      },
    },
    {
      name: 'a paused client may acknowledge what it has; what that lets out waits',
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 2 }));
        await peer.reads(session, 'DATA 1');
        peer.write(pause(session), ack(session, 1));
        await peer.silent(session);
        peer.write(unpause(session));
        await peer.reads(session, 'DATA 2');
      },
    },
    {
      name: 'simple: one session and all',
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        const one = { ...stage.session(), id: 'one' };
        peer.write(plain('one', 'a'), plain('two', 'a'));
        await peer.reads('one', 'DATA 0 "a"');
        await peer.reads('two', 'DATA 0 "a"');
        peer.write(pause(one), plain('one', 'b'), plain('two', 'b'));
        await peer.reads('two', 'DATA 0 "b"');
        await peer.silent('one');
        peer.write(unpause(one));
        await peer.reads('one', 'DATA 0 "b"');
        peer.write(pause(), plain('one', 'c'), plain('two', 'c'));
        await peer.silent('one');
        await peer.silent('two');
        peer.write(unpause());
        await peer.reads('one', 'DATA 0 "c"');
        await peer.reads('two', 'DATA 0 "c"');
      },
    },
    {
      name: 'simple: paused with a full inbox it ends SLOW_CONSUMER',
      settings: { 'stream.receiveQueueMessages': 8, 'stream.sendQueueMessages': 8 },
      async run(stage) {
        const peer = await stage.connect({ metadata: { 'x-route': stage.target.route } });
        peer.write(plain('s', 'a'), pause());
        for (let n = 1; n <= 50; n += 1) peer.write(plain('s', 'b'));
        await peer.ends(GrpcStatus.RESOURCE_EXHAUSTED, 'SLOW_CONSUMER');
      },
    },
  ],
};

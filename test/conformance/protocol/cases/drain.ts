import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import { WireRetryAdvice, type DataMessage } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, opened, openedOn } from '../scenes.js';
import { ack, data, open } from '../say.js';

/** Long: what must happen at once, does not happen at the deadline only. */
const LONG = { 'server.drainGrace': '60s' };

function retryOf(message: DataMessage | undefined): number {
  assert(message?.control?.action === 'closed');
  return message.control.retry;
}

export const drain: Section = {
  title: 'Drain',
  cases: [
    {
      name: 'clients are told, with a deadline and a reason that begins with `gateway`',
      settings: LONG,
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
        const left = stage.drain();
        const [told] = await peer.reads('', 'DRAIN');
        assert(told?.control?.action === 'drain');
        assert(told.control.reason.startsWith('gateway'));
        assert(told.control.deadlineMs > 0);
        peer.write(ack(session, 1));
        await peer.reads(session, 'CLOSED DRAINING ack 1');
        await peer.ends(GrpcStatus.UNAVAILABLE, 'DRAINING');
        await left();
      },
    },
    {
      name: 'a session with nothing left to do is closed at once, RETRY_NOW; then the connection ends with retry advice (D29)',
      settings: LONG,
      async run(stage) {
        const { peer, session } = await opened(stage);
        stage.drain();
        await peer.reads('', 'DRAIN');
        await peer.settled();
        const isClosed = ({ control }: DataMessage): boolean => control?.action === 'closed';
        assert(peer.connection.received.some(isClosed), 'not at once');
        const [closed] = await peer.reads(session, 'CLOSED DRAINING');
        assert.equal(retryOf(closed), WireRetryAdvice.NOW);
        const { retryAfterMs } = await peer.ends(GrpcStatus.UNAVAILABLE, 'DRAINING');
        assert(retryAfterMs !== undefined);
      },
    },
    {
      name: 'what is sent up is still handled, what waits is delivered until acknowledged',
      settings: LONG,
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 2 });
        peer.write(data(session, 1, { produce: 3 }));
        await peer.reads(session, 'DATA 1', 'DATA 2');
        stage.drain();
        await peer.reads('', 'DRAIN');
        peer.write(data(session, 2, { produce: 1 }));
        await peer.acked(session, 2);
        peer.write(ack(session, 2));
        await peer.reads(session, 'DATA 3 #3', 'DATA 4 #1');
        await peer.silent(session);
        peer.write(ack(session, 4));
        await peer.reads(session, 'CLOSED DRAINING ack 2');
      },
    },
    {
      name: 'fresh Opens are refused, resumes are not',
      settings: LONG,
      async run(stage) {
        const { peer, session } = await opened(stage);
        const [fresh, away] = [stage.session(), stage.session()];
        await openedOn(peer, away);
        peer.write(data(session, 1), data(away, 1));
        await peer.reads(session, 'DATA 1');
        await peer.reads(away, 'DATA 1');
        stage.drain();
        await peer.reads('', 'DRAIN');
        peer.write(open(fresh));
        await peer.reads(fresh, 'CLOSED DRAINING');
        const other = await back(stage, away, 0);
        await other.reads(away, 'OPENED resumed received 1', 'DATA 1 "m1"');
        other.write(ack(away, 1));
        await other.reads(away, 'CLOSED DRAINING ack 1');
      },
    },
    {
      name: 'a client that was away comes back, and gets what waits for it',
      settings: LONG,
      async run(stage) {
        const { peer, session } = await opened(stage);
        const helper = await opened(stage);
        const name = stage.name();
        peer.write(data(session, 1, { hold: name, produce: 2 }));
        helper.peer.write(data(helper.session, 1));
        await helper.peer.reads(helper.session, 'DATA 1');
        await peer.settled();
        peer.connection.break();
        helper.peer.write(data(helper.session, 2, { release: name }));
        await helper.peer.acked(helper.session, 2);
        stage.drain();
        await helper.peer.reads('', 'DRAIN');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 1', 'DATA 2');
        again.write(ack(session, 2));
        await again.reads(session, 'CLOSED DRAINING ack 1');
      },
    },
    {
      name: 'at the deadline: a Gap for what was never sent, Closed{DRAINING, RETRY_NOW}, UNAVAILABLE with retry advice',
      settings: { 'server.drainGrace': '400ms' },
      async run(stage) {
        const { peer, session } = await opened(stage, { windowMessages: 1 });
        peer.write(data(session, 1, { produce: 3 }));
        await peer.reads(session, 'DATA 1');
        const left = stage.drain();
        await peer.reads('', 'DRAIN');
        const [, closed] = await peer.reads(session, 'GAP 2-3 drained', 'CLOSED DRAINING ack 1');
        assert.equal(retryOf(closed), WireRetryAdvice.NOW);
        const { retryAfterMs } = await peer.ends(GrpcStatus.UNAVAILABLE, 'DRAINING');
        assert(retryAfterMs !== undefined);
        await left();
      },
    },
    {
      name: 'the end of one connection has a reason that begins with `connection`; its sessions are resumed here',
      settings: { 'server.maxStreamAge': '600ms', 'server.ageJitter': 0, 'server.ageGrace': '300ms' },
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
        const [told] = await peer.reads('', 'DRAIN');
        assert(told?.control?.action === 'drain');
        assert(told.control.reason.startsWith('connection'));
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 1');
        await peer.reads(session, 'CLOSED TAKEN_OVER');
        await peer.ends(GrpcStatus.UNAVAILABLE, 'STREAM_LIMIT');
        again.write(ack(session, 1), data(session, 2));
        await again.reads(session, 'DATA 2');
      },
    },
    {
      name: 'a connection that ends for its age detaches the sessions that were not moved',
      settings: { 'server.maxStreamAge': '600ms', 'server.ageJitter': 0, 'server.ageGrace': '300ms' },
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
        await peer.ends(GrpcStatus.UNAVAILABLE, 'STREAM_LIMIT');
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed received 1');
      },
    },
  ],
};

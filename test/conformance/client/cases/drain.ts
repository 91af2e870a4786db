import assert from 'node:assert/strict';
import { SluiceError } from '../../../../src/core/errors.js';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import type { Section } from '../case.js';
import { back, broken, lines, openedSession, sends } from '../scenes.js';
import { ack, closed, data, drain, many, opened } from '../say.js';

const CONNECTION = 'connection has reached its age';
const GATEWAY = 'gateway is leaving';

export const drains: Section = {
  title: 'Drain and takeover',
  cases: [
    {
      name: 'of a connection: it has another before it leaves this one, resumes there, and loses and repeats nothing',
      needs: ['moves'],
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(...many('s', 1, 2));
        const fates = sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        stage.welcoming = false;
        peer.writes(drain(CONNECTION));
        const next = await stage.connection();
        // Until it is welcomed there, it works here.
        assert.ok(peer.isOpen);
        fates.push(...sends(session, 3, 3));
        await peer.reads('s', 'DATA 3 "m3"');
        peer.writes(data('s', 3));
        await stage.settled();
        assert.ok(peer.isOpen);
        next.welcomes();
        const open = await next.opens('s', 'OPEN resume after 3 attempt 2');
        next.writes(opened('s', open, { lastReceivedSequence: 3 }, 3), data('s', 4));
        await peer.left();
        fates.push(...sends(session, 4, 4));
        await next.reads('s', 'DATA 4 "m4"');
        next.writes(ack('s', 4));
        session.take(4);
        await stage.told(session, ...[1, 2, 3, 4].map((n) => `DATA ${n} "m${n}"`));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), Array(4).fill('done'));
      },
    },
    {
      name: 'what the older connection brings after the newer Open is ignored: messages, acks, Errors, ends (D11)',
      needs: ['moves'],
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(data('s', 1));
        const fates = sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        stage.welcoming = false;
        peer.writes(drain(CONNECTION));
        const next = await stage.connection();
        next.welcomes();
        const open = await next.opens('s', 'OPEN resume after 1 attempt 2');
        if (peer.close === undefined)
          peer.writes(data('s', 2, { data: Buffer.from('late'), ack: 2 }), closed('s', 'TAKEN_OVER'));
        await stage.settled();
        next.writes(opened('s', open, { lastReceivedSequence: 1 }), data('s', 2));
        await next.reads('s', 'DATA 2 "m2"');
        session.take(2);
        await stage.told(session, 'DATA 1 "m1"', 'DATA 2 "m2"');
        assert.equal(await stage.resolves(Promise.race([fates[1]!, Promise.resolve('waits')]), ''), 'waits');
        next.writes(ack('s', 2));
        assert.deepEqual(await stage.resolves(Promise.all(fates), 'their fates'), ['done', 'done']);
      },
    },
    {
      name: 'of a connection that ends before the next is there: it resumes like after any break',
      async run(stage) {
        const { peer, session } = await openedSession(stage);
        peer.writes(drain(CONNECTION, 1_000));
        peer.ends(new SluiceError('STREAM_LIMIT', 'the connection is too old'));
        await back(stage, session, 'OPEN resume');
      },
    },
    {
      name: 'of the gateway: it stays until it is closed there, then opens elsewhere with a new token',
      needs: ['addresses', 'reset'],
      async run(stage) {
        stage.start({ addresses: ['gateway:1', 'gateway:2'] });
        const { peer, session, open } = await openedSession(stage, { goesOn: true });
        peer.writes(drain(GATEWAY));
        const fates = sends(session, 1, 2);
        await peer.reads('s', ...lines(1, 2));
        peer.writes(data('s', 1, { ack: 1 }));
        session.take(2);
        await peer.acked('s', 1);
        await stage.wait(5_000);
        assert.ok(peer.isOpen, 'it has left');
        peer.writes(closed('s', 'DRAINING', { retry: WireRetryAdvice.NOW }, 1));
        const other = await stage.connection();
        assert.equal(other.address, 'gateway:2');
        const fresh = await other.opens('s', 'OPEN fresh attempt 1');
        assert.notDeepEqual(Buffer.from(fresh.resumeToken), Buffer.from(open.resumeToken));
        assert.equal(await stage.resolves(fates[0]!, 'the first fate'), 'done');
        assert.notEqual(await stage.resolves(fates[1]!, 'the second fate'), 'done');
      },
    },
    {
      name: 'of the gateway, whose connection breaks: it comes back there, for its session lives nowhere else',
      needs: ['addresses'],
      async run(stage) {
        stage.start({ addresses: ['gateway:1', 'gateway:2'] });
        const { peer, session } = await openedSession(stage);
        peer.writes(drain(GATEWAY));
        await stage.settled();
        const { peer: again } = await broken(stage, session, 'OPEN resume');
        assert.equal(again.address, 'gateway:1');
      },
    },
    {
      name: 'of the gateway: a session that is opened meanwhile goes elsewhere',
      needs: ['addresses'],
      async run(stage) {
        stage.start({ addresses: ['gateway:1', 'gateway:2'] });
        const { peer } = await openedSession(stage);
        peer.writes(drain(GATEWAY));
        await stage.settled();
        stage.open({ id: 's2' });
        const other = await stage.connection();
        assert.equal(other.address, 'gateway:2');
        await other.opens('s2', 'OPEN fresh');
        await peer.silent('s2');
        assert.ok(peer.isOpen, 'it has left');
      },
    },
  ],
};

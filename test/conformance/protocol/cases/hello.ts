import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import type { Section } from '../case.js';
import { data, open } from '../say.js';

export const hello: Section = {
  title: 'Hello',
  cases: [
    {
      name: 'Welcome comes at once, before the client says anything, and says what it must',
      async run(stage) {
        const peer = stage.dial();
        const welcome = await peer.welcomed();
        assert.equal(welcome.clientId, stage.clientId);
        assert.notEqual(welcome.connectionId, '');
        assert.notEqual(welcome.nodeId, '');
        assert.equal(welcome.protocolVersion, 1);
        assert(welcome.maxMessageBytes > 0 && welcome.maxSessions > 0 && welcome.resumeWindowMs > 0);
      },
    },
    {
      name: 'each connection has an ID of its own',
      async run(stage) {
        const [one, other] = [await stage.dial().welcomed(), await stage.dial().welcomed()];
        assert.equal(one.clientId, other.clientId);
        assert.notEqual(one.connectionId, other.connectionId);
      },
    },
    {
      name: 'a client that names no ID is given one of its own, with which it comes back',
      async run(stage) {
        const first = stage.dial({ clientId: null });
        const { clientId } = await first.welcomed();
        assert.match(clientId, /^[^\p{C}]{1,128}$/u);
        assert.notEqual((await stage.dial({ clientId: null }).welcomed()).clientId, clientId);
        const session = stage.session();
        first.write(open(session));
        await first.reads(session, 'OPENED fresh');
        const again = await stage.connect({ clientId });
        again.write(open(session, { resume: true }));
        await again.reads(session, 'OPENED resumed');
      },
    },
    {
      name: 'the route is told who speaks: client, session, subject',
      async run(stage) {
        const peer = await stage.connect();
        const session = stage.session();
        peer.write(open(session, { subject: 'tea' }), data(session, 1, { who: '' }));
        const [, answer] = await peer.reads(session, 'OPENED fresh', 'DATA 1');
        const told = Object.fromEntries(answer?.metadata ?? []);
        assert.deepEqual(told, { client: stage.clientId, session: session.id, subject: 'tea' });
      },
    },
    {
      name: 'a client ID has up to 128 characters, colons among them',
      async run(stage) {
        const clientId = `${stage.clientId}:${'x'.repeat(127 - stage.clientId.length)}`;
        assert.equal((await stage.dial({ clientId }).welcomed()).clientId, clientId);
      },
    },
    {
      name: 'a client ID of 129 characters ends the connection INVALID_MESSAGE',
      async run(stage) {
        await stage.dial({ clientId: 'x'.repeat(129) }).ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
      },
    },
    {
      name: 'a session ID of 129 characters, or with what can not be printed, is INVALID_MESSAGE; the connection goes on',
      async run(stage) {
        const peer = await stage.connect();
        const wrong = [
          { ...stage.session(), id: 'x'.repeat(129) },
          { ...stage.session(), id: 'a\u0007' },
        ];
        for (const session of wrong) {
          peer.write(open(session));
          const [answer] = await peer.reads(session, '');
          const { control } = answer ?? {};
          assert(control?.action === 'closed' || control?.action === 'error');
          assert.equal(control.code, 'INVALID_MESSAGE');
        }
        const right = { ...stage.session(), id: `${stage.session().id}:${'y'.repeat(100)}` };
        peer.write(open(right), data(right, 1));
        await peer.reads(right, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'two clients may call their sessions the same',
      async run(stage) {
        const [one, other] = [
          await stage.connect(),
          await stage.connect({ clientId: `${stage.clientId}-other` }),
        ];
        const session = stage.session();
        one.write(open(session), data(session, 1, { accept: '' }));
        await one.reads(session, 'OPENED fresh');
        await one.acked(session, 1);
        other.write(open(session));
        await other.reads(session, 'OPENED fresh received 0');
        await one.silent(session);
      },
    },
  ],
};

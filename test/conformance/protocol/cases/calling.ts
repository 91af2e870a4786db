import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { GrpcStatus } from '../../../../src/core/errors.js';
import type { Settings } from '../../../helpers/gateway.js';
import type { Section } from '../case.js';
import type { Peer } from '../peer.js';
import { ack, authenticate, data, heartbeat, open, plain, resume } from '../say.js';
import type { Stage } from '../stage.js';

/** A gateway that wants to be shown a token: those of tokens.json. `narrow` opens subject `tea` only, and a route that there is not. */
const BY_TOKEN: Settings = {
  'auth.methods': 'static',
  'auth.static.file': fileURLToPath(new URL('../tokens.json', import.meta.url)),
};
const [WIDE, WIDE_AGAIN, NARROW, BEN] = ['ann-wide', 'ann-wide-again', 'ann-narrow', 'ben'];

const withToken = (token: string) => ({ clientId: null, metadata: { authorization: `Bearer ${token}` } });
const silent = (stage: Stage): Peer => stage.dial({ clientId: null });

export const calling: Section = {
  title: 'Who is calling',
  cases: [
    {
      name: 'a token in the metadata: Welcome names its subject, whatever the client calls itself',
      settings: BY_TOKEN,
      async run(stage) {
        const { metadata } = withToken(WIDE);
        const welcome = await stage.dial({ clientId: 'zoe', metadata }).welcomed();
        assert.equal(welcome.clientId, 'ann');
      },
    },
    {
      name: 'a token that does not hold is UNAUTHENTICATED, before any Welcome',
      settings: BY_TOKEN,
      async run(stage) {
        const peer = stage.dial(withToken('nobody'));
        const { message } = await peer.ends(GrpcStatus.UNAUTHENTICATED, 'UNAUTHENTICATED');
        assert(!message.includes('nobody'));
        assert.deepEqual(peer.connection.received, []);
      },
    },
    {
      name: 'nothing shown: no Welcome until Authenticate; heartbeats do no harm; what is sent right behind it is read',
      settings: BY_TOKEN,
      async run(stage) {
        const [peer, session] = [silent(stage), stage.session()];
        peer.write(heartbeat());
        await stage.wait(100);
        assert.deepEqual(peer.connection.received, []);
        peer.write(heartbeat(), authenticate(WIDE), open(session), data(session, 1), data(session, 2));
        assert.equal((await peer.welcomed()).clientId, 'ann');
        await peer.reads(session, 'OPENED fresh', 'DATA 1 "m1"', 'DATA 2 "m2"');
      },
    },
    {
      name: 'nothing shown, and something else said first: UNAUTHENTICATED',
      settings: BY_TOKEN,
      async run(stage) {
        for (const first of [open(stage.session()), plain('s', 'hello')]) {
          const peer = silent(stage);
          peer.write(first, authenticate(WIDE));
          await peer.ends(GrpcStatus.UNAUTHENTICATED, 'UNAUTHENTICATED');
        }
      },
    },
    {
      name: 'nothing shown for auth.identifyTimeout: UNAUTHENTICATED',
      settings: { ...BY_TOKEN, 'auth.identifyTimeout': '300ms' },
      async run(stage) {
        await silent(stage).ends(GrpcStatus.UNAUTHENTICATED, 'UNAUTHENTICATED');
      },
    },
    {
      name: 'a fresh token of the same subject: a second Welcome, the same connection; nothing else happens',
      settings: BY_TOKEN,
      async run(stage) {
        const [peer, session] = [stage.dial(withToken(WIDE)), stage.session()];
        const first = await peer.welcomed();
        peer.write(open(session), data(session, 1), authenticate(WIDE_AGAIN), data(session, 2));
        await peer.reads(session, 'OPENED fresh', 'DATA 1 "m1"', 'DATA 2 "m2"');
        const [second] = await peer.reads('', 'WELCOME');
        assert.deepEqual(second?.control, first);
        peer.write(data(session, 3));
        await peer.reads(session, 'DATA 3 "m3"');
      },
    },
    {
      name: 'a token of another subject, of nobody, or none ends the connection UNAUTHENTICATED; its sessions wait',
      settings: BY_TOKEN,
      async run(stage) {
        for (const token of [BEN, 'nobody', '']) {
          const [peer, session] = [stage.dial(withToken(WIDE)), stage.session()];
          await peer.welcomed();
          peer.write(open(session));
          await peer.reads(session, 'OPENED fresh');
          peer.write(authenticate(token));
          await peer.ends(GrpcStatus.UNAUTHENTICATED, 'UNAUTHENTICATED');
          const again = stage.dial(withToken(WIDE_AGAIN));
          await again.welcomed();
          again.write(resume(session, 0));
          await again.reads(session, 'OPENED resumed');
        }
      },
    },
    {
      name: "nobody resumes another's session, with its very token",
      settings: BY_TOKEN,
      async run(stage) {
        const [ann, session] = [stage.dial(withToken(WIDE)), stage.session()];
        await ann.welcomed();
        ann.write(open(session));
        await ann.reads(session, 'OPENED fresh');
        const ben = stage.dial(withToken(BEN));
        await ben.welcomed();
        ben.write(resume({ ...session }, 0));
        await ben.reads(session, 'OPENED gone');
        ann.write(data(session, 1));
        await ann.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'an Open that is not permitted is the same for a route that exists and one that does not',
      settings: BY_TOKEN,
      async run(stage) {
        const peer = stage.dial(withToken(NARROW));
        await peer.welcomed();
        for (const route of [stage.target.wholeRoute, 'neverwhere']) {
          const session = stage.session(route);
          peer.write(open(session, { subject: 'gin' }), data(session, 1));
          await peer.reads(
            session,
            `CLOSED PERMISSION_DENIED ack 0 "permission open:${route}/gin is missing"`,
          );
          await peer.silent(session);
        }
        const permitted = stage.session('nowhere');
        peer.write(open(permitted));
        await peer.reads(permitted, 'CLOSED UNKNOWN_ROUTE');
        const tea = stage.session();
        peer.write(open(tea, { subject: 'tea' }), data(tea, 1));
        await peer.reads(tea, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
    {
      name: 'a route named by x-route that is not permitted ends the connection, whether it exists or not',
      settings: BY_TOKEN,
      async run(stage) {
        for (const route of [stage.target.wholeRoute, 'neverwhere']) {
          const { clientId, metadata } = withToken(NARROW);
          const peer = stage.dial({ clientId, metadata: { ...metadata, 'x-route': route } });
          const { message } = await peer.ends(GrpcStatus.PERMISSION_DENIED, 'PERMISSION_DENIED');
          assert(message.includes(`permission open:${route} is missing`), message);
        }
      },
    },
    {
      name: 'a fresh token that allows less closes the sessions it does not cover, and no other',
      settings: BY_TOKEN,
      async run(stage) {
        const peer = stage.dial(withToken(WIDE));
        await peer.welcomed();
        const [tea, gin] = [stage.session(), stage.session()];
        peer.write(open(tea, { subject: 'tea' }), open(gin, { subject: 'gin' }));
        await peer.reads(tea, 'OPENED fresh');
        await peer.reads(gin, 'OPENED fresh');
        peer.write(authenticate(NARROW), data(tea, 1));
        await peer.reads(gin, 'CLOSED PERMISSION_DENIED');
        await peer.reads(tea, 'DATA 1 "m1"');
        peer.write(ack(tea, 1));
        await peer.acked(tea, 1);
      },
    },
    {
      name: 'resuming with a token that does not cover it is refused, and the session waits on',
      settings: BY_TOKEN,
      async run(stage) {
        const [first, session] = [stage.dial(withToken(WIDE)), stage.session()];
        await first.welcomed();
        first.write(open(session, { subject: 'gin' }));
        await first.reads(session, 'OPENED fresh');
        first.connection.break();
        const less = stage.dial(withToken(NARROW));
        await less.welcomed();
        less.write(resume(session, 0));
        await less.reads(session, 'CLOSED PERMISSION_DENIED');
        less.write(authenticate(WIDE_AGAIN), resume(session, 0));
        await less.reads(session, 'OPENED resumed');
      },
    },
    {
      name: 'where nobody has to show anything, Authenticate is an Error INVALID_MESSAGE; the connection goes on',
      settings: {},
      async run(stage) {
        const [peer, session] = [await stage.connect(), stage.session()];
        peer.write(authenticate(WIDE), open(session), data(session, 1));
        await peer.reads('', 'ERROR 0 INVALID_MESSAGE');
        await peer.reads(session, 'OPENED fresh', 'DATA 1 "m1"');
      },
    },
  ],
};

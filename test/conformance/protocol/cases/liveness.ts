import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import { dataMessage, MessageType, type DataMessage } from '../../../../src/wire/messages.js';
import { Skipped } from '../../skipped.js';
import type { Section } from '../case.js';
import { back, opened, openedOn } from '../scenes.js';
import { data, heartbeat, plain, probe } from '../say.js';
import type { Peer } from '../peer.js';
import type { Stage } from '../stage.js';

function answers(peer: Peer, sequence: number): readonly (readonly [number, number])[] {
  return peer.connection.received
    .filter((message) => message.type === MessageType.HEALTH_CHECK && message.sequence === sequence)
    .map(({ ack, timestampMs }) => [ack, timestampMs]);
}

/** A gateway that is quick to ask whether a client lives. */
const PROBED = { 'health.interval': '50ms', 'health.maxInactivity': '100ms' };

/** The next probe of the gateway. */
async function probed(stage: Stage, peer: Peer): Promise<DataMessage> {
  if (!stage.target.probes) throw new Skipped('nobody probes silent clients here');
  const from = peer.connection.received.length;
  return stage.target.until(
    () =>
      peer.connection.received
        .slice(from)
        .find(({ type, ack }) => type === MessageType.HEALTH_CHECK && ack === 0),
    () => 'a HEALTH_CHECK of the gateway',
  );
}

export const liveness: Section = {
  title: 'Liveness',
  cases: [
    {
      name: 'a HEALTH_CHECK is answered at once, with its sequence, its timestamp, and ack set to the sequence',
      async run(stage) {
        const peer = await stage.connect();
        const [small, large] = [1, Number.MAX_SAFE_INTEGER];
        peer.write(probe(small, 1_700_000_000_123), probe(large, 5));
        await peer.settled();
        assert.deepEqual(answers(peer, small), [[small, 1_700_000_000_123]]);
        assert.deepEqual(answers(peer, large), [[large, 5]]);
      },
    },
    {
      name: 'a HEALTH_CHECK that carries an ack is an answer, and never answered',
      async run(stage) {
        const peer = await stage.connect();
        peer.write(dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 7, ack: 7, timestampMs: 1 }));
        await peer.settled();
        assert.deepEqual(answers(peer, 7), []);
      },
    },
    {
      name: 'a HEALTH_CHECK is answered for a client whose session is stuck',
      async run(stage) {
        const { peer, session, opened: told } = await opened(stage);
        for (let n = 1; n <= told.windowMessages; n += 1) peer.write(data(session, n, { never: '' }));
        peer.write(probe(9));
        await peer.settled();
        assert.equal(answers(peer, 9).length, 1);
      },
    },
    {
      name: 'a HEARTBEAT is one way',
      async run(stage) {
        const { peer, session } = await opened(stage);
        await peer.settled();
        const before = peer.connection.received.length;
        for (let i = 0; i < 5; i += 1) peer.write(heartbeat());
        await peer.silent(session);
        const since = peer.connection.received.slice(before);
        const unasked = since.filter(({ type }) => type !== MessageType.HEALTH_CHECK);
        assert(unasked.length < 5, 'a HEARTBEAT for each');
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
      },
    },
    {
      name: 'the gateway sends a HEARTBEAT each heartbeat interval',
      async run(stage) {
        const peer = stage.dial();
        const { heartbeatIntervalMs } = await peer.welcomed();
        await stage.wait(heartbeatIntervalMs * 1.5);
        const beats = peer.connection.received.filter(({ type }) => type === MessageType.HEARTBEAT);
        assert(beats.length >= 1);
      },
    },
    {
      name: 'a client that opened a session and falls silent ends RECEIVE_TIMEOUT; its session can be resumed',
      settings: { 'stream.receiveTimeout': '3s' },
      async run(stage) {
        const peer = await stage.connect({ mute: true });
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
        await stage.wait(4_000);
        await peer.ends(GrpcStatus.DEADLINE_EXCEEDED, 'RECEIVE_TIMEOUT');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 1');
      },
    },
    {
      name: 'so does a client that has sent a HEARTBEAT; one that has not is not timed',
      settings: { 'stream.receiveTimeout': '3s', 'health.maxInactivity': '1h' },
      async run(stage) {
        const metadata = { 'x-route': stage.target.route };
        const promised = await stage.connect({ mute: true, metadata });
        const other = await stage.connect({ mute: true, metadata });
        promised.write(heartbeat(), plain('s', 'x'));
        other.write(plain('s', 'x'));
        await other.reads('s', 'DATA 0');
        await stage.wait(4_000);
        await promised.ends(GrpcStatus.DEADLINE_EXCEEDED, 'RECEIVE_TIMEOUT');
        other.write(plain('s', 'y'));
        await other.reads('s', 'DATA 0 "y"');
      },
    },
    {
      name: 'the clock of a silent client stops while the gateway itself does not read',
      settings: {
        'stream.receiveTimeout': '3s',
        'stream.receiveQueueMessages': 8,
        'health.maxInactivity': '1h',
      },
      async run(stage) {
        const metadata = { 'x-route': stage.target.route };
        const [peer, other] = [
          await stage.connect({ mute: true, metadata }),
          await stage.connect({ metadata }),
        ];
        const name = stage.name();
        peer.write(heartbeat(), plain('s', 'x', { hold: name, accept: '' }));
        for (let n = 1; n <= 50; n += 1) peer.write(plain('s', `n${n}`));
        await stage.wait(10_000);
        other.write(plain('s', 'x', { release: name }));
        for (let n = 1; n <= 50; n += 1) await peer.reads('s', `DATA 0 "n${n}"`);
      },
    },
    {
      name: "what matches the gateway's own probe in sequence and timestamp is an answer, with or without an ack",
      settings: PROBED,
      async run(stage) {
        const peer = await stage.connect({ mute: true });
        const session = stage.session();
        await openedOn(peer, session);
        for (const ackOf of [(sequence: number) => sequence, () => 0]) {
          const asked = await probed(stage, peer);
          peer.write(dataMessage({ ...asked, ack: ackOf(asked.sequence) }));
          await peer.settled();
          assert.deepEqual(answers(peer, asked.sequence), [[0, asked.timestampMs]]);
        }
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
      },
    },
    {
      name: 'a client that does not answer a probe ends STALE; its session can be resumed',
      settings: { ...PROBED, 'health.probeAnswerTimeout': '200ms' },
      async run(stage) {
        const peer = await stage.connect({ mute: true });
        const session = stage.session();
        await openedOn(peer, session);
        await probed(stage, peer);
        await peer.ends(GrpcStatus.UNAVAILABLE, 'STALE');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed');
      },
    },
  ],
};

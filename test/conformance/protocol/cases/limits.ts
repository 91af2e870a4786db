import assert from 'node:assert/strict';
import { GrpcStatus } from '../../../../src/core/errors.js';
import { batchSize, encodeBatch } from '../../../../src/wire/codec.js';
import { dataMessage, MessageType, type DataMessage } from '../../../../src/wire/messages.js';
import { Skipped } from '../../skipped.js';
import type { Section } from '../case.js';
import type { Peer } from '../peer.js';
import { back, opened, openedOn } from '../scenes.js';
import { data, many, open, probe } from '../say.js';

/** DataMessage{type: CONTROL, control: Control{field 99: an empty message}}. */
const UNKNOWN_ACTION = Uint8Array.from([0x08, 0x03, 0x52, 0x03, 0x9a, 0x06, 0x00]);
/** DataMessage{type: 99}. */
const UNKNOWN_TYPE = Uint8Array.from([0x08, 99]);

/** A frame of one message that no client of ours would send. */
function sendRaw(peer: Peer, method: string, message: Uint8Array): void {
  peer.connection.sendBody(
    method === 'StreamData' ? message : Uint8Array.from([0x0a, message.length, ...message]),
  );
}

/** One frame, however many. */
function sendBatch(peer: Peer, messages: readonly DataMessage[]): void {
  const body = new Uint8Array(batchSize(messages));
  encodeBatch(messages, body, 0);
  peer.connection.sendBody(body);
}

function entries(count: number): ReadonlyMap<string, string> {
  return new Map(Array.from({ length: count }, (_, index) => [`name-${index}`, 'x']));
}

export const limits: Section = {
  title: 'Limits against amplification',
  cases: [
    {
      name: 'a batch has 1,024 messages',
      async run(stage) {
        if (stage.target.method !== 'StreamBatches') throw new Skipped('it speaks of StreamBatches');
        const peer = await stage.connect();
        const probes = Array.from({ length: 1_024 }, (_, index) => probe(index + 1));
        sendBatch(peer, probes.slice(0, 100));
        await peer.settled();
        sendBatch(peer, probes);
        await peer.settled();
        sendBatch(peer, [...probes, probe(1_025)]);
        await peer.ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
      },
    },
    {
      name: 'an empty batch is nothing',
      async run(stage) {
        if (stage.target.method !== 'StreamBatches') throw new Skipped('it speaks of StreamBatches');
        const { peer, session } = await opened(stage);
        peer.connection.sendBody(new Uint8Array(0));
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
      },
    },
    {
      name: 'a message has 64 metadata entries; with one more the connection ends INVALID_MESSAGE, its sessions do not',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1, {}, { metadata: entries(64) }));
        await peer.reads(session, 'DATA 1 "m1"');
        peer.write(data(session, 2, {}, { metadata: entries(65) }));
        await peer.ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
        const again = await back(stage, session, 1);
        await again.reads(session, 'OPENED resumed received 1');
      },
    },
    {
      name: 'a message over max_message_bytes ends the connection MESSAGE_TOO_LARGE, its sessions do not',
      async run(stage) {
        const peer = stage.dial();
        const { maxMessageBytes } = await peer.welcomed();
        if (maxMessageBytes > 64 * 1024 * 1024) throw new Skipped('a message may be so large here');
        const session = stage.session();
        await openedOn(peer, session);
        peer.write(data(session, 1, {}, { data: new Uint8Array(maxMessageBytes + 1) }));
        await peer.ends(GrpcStatus.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 0');
      },
    },
    {
      name: 'what is no message ends the connection INVALID_MESSAGE, its sessions do not',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.connection.sendBody(Uint8Array.from([0xff, 0xff, 0xff, 0xff]));
        await peer.ends(GrpcStatus.INVALID_ARGUMENT, 'INVALID_MESSAGE');
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed');
      },
    },
    {
      name: 'a client that asks and does not listen stops being read, and loses nothing: all answers come',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.connection.stopReading();
        for (let n = 1; n <= 2_000; n += 1) peer.write(probe(n));
        peer.write(data(session, 1));
        const other = await stage.connect();
        await other.settled();
        peer.connection.startReading();
        await peer.reads(session, 'DATA 1 "m1"');
        await peer.settled();
        const answers = peer.connection.received.filter(
          ({ type, sequence }) => type === MessageType.HEALTH_CHECK && sequence <= 2_000,
        );
        assert.equal(answers.length, 2_000);
      },
    },
    {
      name: 'an unknown type is answered with Error, and nothing else happens',
      async run(stage) {
        const { peer, session } = await opened(stage);
        sendRaw(peer, stage.target.method, UNKNOWN_TYPE);
        await peer.reads('', 'ERROR 0 INVALID_MESSAGE');
        peer.write(dataMessage({ type: 42, sessionId: session.id, sequence: 1 }), data(session, 1));
        await peer.reads(session, 'ERROR 0 INVALID_MESSAGE', 'DATA 1 "m1"');
      },
    },
    {
      name: 'an unknown action is answered with Error, and nothing else happens',
      async run(stage) {
        const { peer, session } = await opened(stage);
        sendRaw(peer, stage.target.method, UNKNOWN_ACTION);
        await peer.reads('', 'ERROR 0 INVALID_MESSAGE');
        peer.write(dataMessage({ type: MessageType.CONTROL }), data(session, 1));
        await peer.reads('', 'ERROR 0 INVALID_MESSAGE');
        await peer.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'a batch speaks of many sessions, each in order',
      async run(stage) {
        const peer = await stage.connect();
        const sessions = Array.from({ length: 20 }, () => stage.session());
        const said = sessions.map((session) => [open(session), ...many(session, 1, 10)]);
        const mixed = Array.from({ length: 11 }, (_, index) =>
          said.map((messages) => messages[index]!),
        ).flat();
        peer.write(...mixed);
        for (const session of sessions) {
          await peer.reads(session, 'OPENED fresh');
          for (let n = 1; n <= 10; n += 1) await peer.reads(session, `DATA ${n} "m${n}"`);
        }
      },
    },
  ],
};

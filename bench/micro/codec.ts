/**
 * Nanoseconds to encode and decode one DataMessage, beside protobufjs (whose
 * reflection generates the code its static build has, here with numbers for
 * 64-bit integers). Run: npx tsx bench/micro/codec.ts
 */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { Bench } from 'tinybench';
import {
  BatchReader,
  batchSize,
  decodeMessage,
  encodeBatch,
  encodedBound,
  encodeMessage,
  messageSize,
  StringCache,
} from '../../src/wire/codec.js';
import { controlMessage, type DataMessage, dataMessage } from '../../src/wire/messages.js';
import { printNanoseconds } from './nanoseconds.js';

protobuf.util.Long = undefined as unknown as typeof protobuf.util.Long;
protobuf.configure();
const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../../proto/sluice/v1/stream.proto', import.meta.url)));
const reference = root.lookupType('sluice.v1.DataMessage');

const plain = dataMessage({
  sessionId: 'session-0042',
  sequence: 123_456,
  ack: 123_440,
  timestampMs: 1_700_000_000_000,
  data: Buffer.alloc(256, 0x5a),
});
const messages: Record<string, DataMessage> = {
  'data 256 B': plain,
  'data 16 B': { ...plain, data: Buffer.alloc(16, 0x5a) },
  'data 256 B, key, 3 metadata': {
    ...plain,
    key: 'EURUSD',
    metadata: new Map([
      ['content-type', 'application/json'],
      ['trace', '4bf92f3577b34da6a3ce929d0e0e4736'],
      ['n', '1'],
    ]),
  },
  'id not ASCII': { ...plain, sessionId: 'séance-0042' },
  'control gap': controlMessage(
    { action: 'gap', fromSequence: 17, toSequence: 170_000, reason: 'drop-oldest' },
    'session-0042',
  ),
};

/** Iterations inside one measured call, so that the timer's own cost disappears. */
const ROUNDS = 1000;
const target = Buffer.alloc(1 << 20);
let sink = 0;

const bench = new Bench({ time: 200, warmupTime: 100 });
for (const [name, message] of Object.entries(messages)) {
  const size = messageSize(message);
  const bytes = Buffer.alloc(size);
  encodeMessage(message, bytes, 0);
  const cache = new StringCache();
  const referenceMessage = reference.decode(bytes);
  bench
    .add(`${name} (${size} B): encode`, () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        if (encodedBound(message) <= target.length) sink += encodeMessage(message, target, 0);
      }
    })
    .add(`${name} (${size} B): encode, protobufjs`, () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        sink += reference.encode(referenceMessage).finish().length;
      }
    })
    .add(`${name} (${size} B): decode`, () => {
      for (let round = 0; round < ROUNDS; round += 1) sink += decodeMessage(bytes, 0, size, cache).type;
    })
    .add(`${name} (${size} B): decode, no cache`, () => {
      for (let round = 0; round < ROUNDS; round += 1) sink += decodeMessage(bytes, 0, size).type;
    })
    .add(`${name} (${size} B): decode, protobufjs`, () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        sink += (reference.decode(bytes) as unknown as { type: number }).type;
      }
    });
}

const batch = new Array<DataMessage>(8).fill(plain);
const batchBytes = Buffer.alloc(batchSize(batch));
encodeBatch(batch, batchBytes, 0);
const batchCache = new StringCache();
bench
  .add('batch of 8, each message: size and encode', () => {
    for (let round = 0; round < ROUNDS; round += 8) {
      if (batchSize(batch) <= target.length) sink += encodeBatch(batch, target, 0);
    }
  })
  .add('batch of 8, each message: decode', () => {
    for (let round = 0; round < ROUNDS; round += 8) {
      const reader = new BatchReader(batchBytes, 0, batchBytes.length, batchCache);
      for (let message = reader.next(); message !== undefined; message = reader.next()) sink += message.type;
    }
  });

await printNanoseconds(bench, ROUNDS);
if (!Number.isFinite(sink)) console.log(sink);

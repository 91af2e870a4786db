/** The JSON form of every message, against the binary codec and against protobufjs and Python's json_format. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { decodeMessage, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { batchFromJson, batchToJson, messageFromJson, messageToJson } from '../../src/wire/json-codec.js';
import * as json from '../../src/wire/json-topic-codec.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { bytes, message, metadata, text, uint32, uint53 } from './wire-arbitraries.js';

const RUNS = 500;
const PYTHON = '.cache/venv/bin/python';

function binary(value: DataMessage): Buffer {
  const target = Buffer.alloc(messageSize(value));
  encodeMessage(value, target, 0);
  return target;
}

/** For comparing: views and Buffers alike are their bytes, entries have an order. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return [...(value as Map<string, unknown>)].sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

describe('the JSON codec', () => {
  it('gives back what it wrote, and what the binary codec would', () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytesOfIt = binary(value);
        const read = messageFromJson(messageToJson(value));
        expect(plain(read)).toEqual(plain(decodeMessage(bytesOfIt, 0, bytesOfIt.length)));
      }),
      { numRuns: RUNS },
    );
  });

  it('gives back batches', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (values) => {
        expect(batchFromJson(batchToJson(values)).map(plain)).toEqual(
          values.map((value) => plain(messageFromJson(messageToJson(value)))),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('gives back what Subscribe, Publish and Ingest say', () => {
    const subscribe = fc.record({
      topic: text,
      afterSequence: uint53,
      history: uint32,
      overflow: fc.nat(7),
    });
    const publish = fc.record({
      topic: text,
      data: bytes,
      key: text,
      metadata: fc.option(metadata, { nil: undefined }),
      idempotencyKey: text,
      ttlMs: uint32,
    });
    const response = fc.record({ sequence: uint53, subscribers: uint32, duplicate: fc.boolean() });
    const summary = fc.record({
      messages: uint53,
      bytes: uint53,
      rejected: uint53,
      aggregates: fc.array(fc.tuple(text, fc.double()), { maxLength: 5 }).map((entries) => new Map(entries)),
    });
    fc.assert(
      fc.property(subscribe, publish, response, summary, (a, b, c, d) => {
        expect(json.subscribeRequestFromJson(json.subscribeRequestToJson(a))).toEqual(a);
        expect(plain(json.publishRequestFromJson(json.publishRequestToJson(b)))).toEqual(plain(b));
        expect(json.publishResponseFromJson(json.publishResponseToJson(c))).toEqual(c);
        expect(plain(json.ingestSummaryFromJson(json.ingestSummaryToJson(d)))).toEqual(plain(d));
      }),
      { numRuns: 200 },
    );
  });

  it('reads anything, or refuses it INVALID_MESSAGE', () => {
    const garbage = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .tuple(
          fc.constantFrom('type', 'sequence', 'data', 'metadata', 'control', 'more', 'key', 'ttlMs'),
          fc.jsonValue(),
        )
        .map(([name, value]) => JSON.stringify({ [name]: value })),
      fc
        .tuple(fc.constantFrom('open', 'gap', 'closed', 'welcome', 'authenticate'), fc.jsonValue())
        .map(([name, value]) => JSON.stringify({ control: { [name]: value } })),
    );
    fc.assert(
      fc.property(garbage, (value) => {
        try {
          messageFromJson(value);
        } catch (error) {
          expect(error).toBeInstanceOf(SluiceError);
          expect((error as SluiceError).code).toBe('INVALID_MESSAGE');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.skipIf(!existsSync(PYTHON))("means what Python's google.protobuf.json_format means, both ways", () => {
    const samples = fc.sample(
      // Python refuses enums above the known ones by name and gives them back by number, as we do.
      message.filter(({ control }) => control?.action !== 'unknown'),
      { numRuns: 300, seed: 9 },
    );
    const request = samples.map((value) => ({
      json: messageToJson(value),
      binary: binary(value).toString('base64'),
    }));
    const answer = JSON.parse(
      execFileSync(PYTHON, ['-c', REFEREE], { input: JSON.stringify(request), encoding: 'utf8' }),
    ) as readonly { readonly same: boolean; readonly json: string }[];
    answer.forEach(({ same, json: theirs }, index) => {
      const ours = samples[index] as DataMessage;
      expect(same, messageToJson(ours)).toBe(true);
      const bytesOfIt = binary(ours);
      const expected = decodeMessage(bytesOfIt, 0, bytesOfIt.length);
      expect(plain(messageFromJson(theirs))).toEqual(plain(dataMessage(expected)));
    });
  });
});

/** Reads our JSON, compares what it means with our protobuf, and writes it again: in camel case and as the proto names things. */
const REFEREE = `
import base64, json, sys
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
files = descriptor_pb2.FileDescriptorSet.FromString(open('proto/descriptors/sluice.v1.binpb', 'rb').read())
pool = descriptor_pool.DescriptorPool()
for file in files.file: pool.Add(file)
DataMessage = message_factory.GetMessageClass(pool.FindMessageTypeByName('sluice.v1.DataMessage'))
answers = []
for index, pair in enumerate(json.load(sys.stdin)):
    read = json_format.Parse(pair['json'], DataMessage())
    same = read == DataMessage.FromString(base64.b64decode(pair['binary']))
    answers.append({'same': same, 'json': json_format.MessageToJson(read, preserving_proto_field_name=index % 2 == 1)})
json.dump(answers, sys.stdout)
`;

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { decodeReflectionAnswer, encodeReflectionRequest } from '../../../src/proxy/reflection-codec.js';
import { decodeQuestion, encodeReply } from '../../../src/transport/grpc/reflection-wire.js';
import { readFileDescriptor } from '../../../src/wire/file-descriptor.js';

const packageFile = createRequire(import.meta.url).resolve('@grpc/reflection/package.json');
const proto = readFileSync(
  join(dirname(packageFile), 'build/proto/grpc/reflection/v1/reflection.proto'),
  'utf8',
);
const { root } = protobuf.parse(proto);
const Request = root.lookupType('grpc.reflection.v1.ServerReflectionRequest');
const Response = root.lookupType('grpc.reflection.v1.ServerReflectionResponse');

function bytesOf(answer: object): Uint8Array {
  return Response.encode(Response.fromObject(answer)).finish();
}

describe('a question', () => {
  test.each([
    [{ ask: 'services' }, { listServices: '*' }],
    [{ ask: 'symbol', name: 'a.B' }, { fileContainingSymbol: 'a.B' }],
    [{ ask: 'file', name: 'a/b.proto' }, { fileByFilename: 'a/b.proto' }],
  ] as const)('%j is what the protocol says', (request, expected) => {
    const bytes = encodeReflectionRequest(request);
    expect(Request.toObject(Request.decode(bytes))).toEqual(expected);
    expect(decodeQuestion(bytes)).toEqual({ host: '', question: request });
  });

  test.each([
    [
      { fileContainingExtension: { containingType: 'a.B', extensionNumber: 7 } },
      { ask: 'extension', type: 'a.B', number: 7 },
    ],
    [{ allExtensionNumbersOfType: 'a.B' }, { ask: 'extensions', type: 'a.B' }],
    [{}, { ask: 'unknown' }],
  ])('of others is read: %j', (request, question) => {
    const bytes = Request.encode(Request.fromObject({ host: 'h', ...request })).finish();
    expect(decodeQuestion(bytes)).toEqual({ host: 'h', question });
  });
});

describe('an answer', () => {
  test.each([
    [
      { listServicesResponse: { service: [{ name: 'a.B' }, { name: 'c.D' }] } },
      { kind: 'services', names: ['a.B', 'c.D'] },
    ],
    [{ errorResponse: { errorCode: 5, errorMessage: 'gone' } }, { kind: 'error', code: 5, message: 'gone' }],
    [{ allExtensionNumbersResponse: { baseTypeName: 'a.B', extensionNumber: [1] } }, { kind: 'other' }],
    [{}, { kind: 'other' }],
  ])('is read: %j', (answer, expected) => {
    expect(
      decodeReflectionAnswer(bytesOf({ validHost: 'h', originalRequest: { host: 'h' }, ...answer })),
    ).toEqual(expected);
  });

  test('files come as bytes', () => {
    const files = [Buffer.from('one'), Buffer.from('two')];
    const answer = decodeReflectionAnswer(
      bytesOf({ fileDescriptorResponse: { fileDescriptorProto: files } }),
    );
    expect(answer).toMatchObject({ kind: 'files' });
    if (answer.kind === 'files') expect(answer.files.map((file) => Buffer.from(file))).toEqual(files);
  });

  test('ours is what the protocol says', () => {
    const asked = Buffer.from(encodeReflectionRequest({ ask: 'services' }));
    const reply = encodeReply('h', asked, { kind: 'services', names: ['a.B'] });
    expect(Response.toObject(Response.decode(reply))).toEqual({
      validHost: 'h',
      originalRequest: { listServices: '*' },
      listServicesResponse: { service: [{ name: 'a.B' }] },
    });
    const numbers = encodeReply('', asked, { kind: 'extensions', type: 'a.B', numbers: [1, 300] });
    expect(Response.toObject(Response.decode(numbers))).toMatchObject({
      allExtensionNumbersResponse: { baseTypeName: 'a.B', extensionNumber: [1, 300] },
    });
  });
});

test('garbage is refused in words, or read as something harmless; never more', () => {
  const readers = [decodeReflectionAnswer, decodeQuestion, readFileDescriptor];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of readers) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SluiceError);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a descriptor beyond all measure is refused', () => {
  const { FileDescriptorProto } = protobuf.Root.fromJSON({
    nested: {
      M: { fields: { name: { type: 'string', id: 1 }, nested: { rule: 'repeated', type: 'M', id: 3 } } },
      FileDescriptorProto: {
        fields: { name: { type: 'string', id: 1 }, message: { rule: 'repeated', type: 'M', id: 4 } },
      },
    },
  }).nested as unknown as { readonly FileDescriptorProto: protobuf.Type };
  const file = (message: object): Uint8Array =>
    FileDescriptorProto.encode(FileDescriptorProto.fromObject(message)).finish();
  let deep: object = { name: 'M' };
  for (let n = 0; n < 50; n += 1) deep = { name: 'M', nested: [deep] };
  expect(() => readFileDescriptor(file({ message: [deep] }))).toThrow(/more than 32 messages deep/);
  const many = Array.from({ length: 70_000 }, () => ({ name: 'M' }));
  expect(() => readFileDescriptor(file({ message: many }))).toThrow(/more than the 65536/);
  expect(() => readFileDescriptor(file({ name: 'x'.repeat(2_000) }))).toThrow(/longer than 1024/);
  const long = 'x'.repeat(1_000);
  expect(() => readFileDescriptor(file({ message: [{ name: long, nested: [{ name: long }] }] }))).toThrow(
    /longer than 1024/,
  );
});

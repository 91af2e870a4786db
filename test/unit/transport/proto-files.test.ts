import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import descriptor from 'protobufjs/ext/descriptor.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StartError } from '../../../src/core/start-error.js';
import { readProtoFiles } from '../../../src/transport/grpc/proto-files.js';
import { readFileDescriptor } from '../../../src/wire/file-descriptor.js';
import { runProcess } from '../../helpers/run-process.js';

const root = resolve(import.meta.dirname, '../../..');
const protos = join(root, 'test/helpers/fixtures/protos/all');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-proto-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function read(files: readonly string[], importPaths: readonly string[] = []) {
  return readProtoFiles({ setting: 'proxies.it.proto', files, importPaths });
}

function faultOf(files: readonly string[], importPaths: readonly string[] = []): string {
  try {
    read(files, importPaths);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'none';
}

type Plain = Readonly<Record<string, unknown>>;

/** As protoc says it, without what says nothing: empty options, and options of files, which only generators read. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const entries = Object.entries(value as Plain)
    .map(([key, each]) => [key, plain(each)] as const)
    .filter(([key, each]) => !(key === 'options' && Object.keys(each as object).length === 0));
  return Object.fromEntries(entries);
}

function decoded(bytes: Uint8Array): Plain & { readonly name: string; readonly dependency?: string[] } {
  const message = descriptor.FileDescriptorProto.toObject(descriptor.FileDescriptorProto.decode(bytes));
  const { options: _options, publicDependency: _public, ...rest } = message;
  return plain(rest) as Plain & { readonly name: string };
}

test('files are described as buf describes them', async () => {
  const image = join(folder, 'image.binpb');
  const args = ['build', protos, '--exclude-source-info', '--as-file-descriptor-set', '-o', image];
  const built = await runProcess(join(root, 'node_modules/.bin/buf'), args, { timeoutMs: 20_000 });
  expect(built).toMatchObject({ exitCode: 0 });
  const { file: theirs } = descriptor.FileDescriptorSet.decode(readFileSync(image)) as unknown as {
    readonly file: readonly Plain[];
  };
  const ours = new Map(
    read([join(protos, 'all.proto')]).descriptors.map((bytes) => {
      const file = decoded(bytes);
      return [file.name, file];
    }),
  );
  const expected = theirs.map((file) =>
    decoded(descriptor.FileDescriptorProto.encode(file as never).finish()),
  );
  expect([...ours.keys()].sort()).toEqual(expected.map(({ name }) => name).sort());
  for (const file of expected) {
    const own = ours.get(file.name);
    const { dependency = [], ...rest } = file;
    const { dependency: ownDependency = [], ...ownRest } = own ?? {};
    expect(ownRest).toEqual(rest);
    // What comes by a public import is named, too.
    expect(ownDependency).toEqual(expect.arrayContaining(dependency));
  }
});

test('its facts are found again in what was described', () => {
  const { descriptors, roots } = read([join(protos, 'all.proto')]);
  const facts = descriptors.map((bytes) => readFileDescriptor(bytes));
  const all = facts.find(({ name }) => name === roots[0]);
  expect(all?.services).toEqual([{ name: 'all.v1.AllService', methods: ['Unary', 'Up', 'Down', 'Both'] }]);
  expect(all?.symbols).toEqual(
    expect.arrayContaining([
      'all.v1.All',
      'all.v1.All.choice',
      'all.v1.All.Inner.Deep',
      'all.v1.All.Inner.DEEP_ZERO',
      'all.v1.KIND_A',
      'all.v1.All.OthersByNameEntry.value',
      'all.v1.AllService.Both',
    ]),
  );
  const other = facts.find(({ name }) => name === 'sub/other.proto');
  expect(other?.extensions).toEqual([
    { extendee: 'sub.Other', number: 102 },
    { extendee: 'sub.Other', number: 100 },
    { extendee: 'sub.Other', number: 101 },
  ]);
});

test('imports are found beside the file, in importPaths, and among those that everybody has', () => {
  write('lib/shared/money.proto', 'syntax = "proto3"; package shared; message Money {}');
  write('beside.proto', 'syntax = "proto3"; message Beside {}');
  const file = write(
    'a.proto',
    `syntax = "proto3";
     import "beside.proto"; import "shared/money.proto"; import "google/protobuf/empty.proto"; import "google/api/annotations.proto";
     service S { rpc M(Beside) returns (shared.Money) { option (google.api.http) = { get: "/m" }; } rpc N(google.protobuf.Empty) returns (Beside); }`,
  );
  const names = read([file], [join(folder, 'lib')]).descriptors.map(
    (bytes) => readFileDescriptor(bytes).name,
  );
  expect(names).toEqual(
    expect.arrayContaining(['a.proto', 'beside.proto', 'shared/money.proto', 'google/protobuf/empty.proto']),
  );
});

test('a file within importPaths goes by the name that others import it by', () => {
  const types = write('pkg/types.proto', 'syntax = "proto3"; package pkg; message T {}');
  const service = write(
    'pkg/service.proto',
    'syntax = "proto3"; package pkg; import "pkg/types.proto"; service S { rpc M(T) returns (T); }',
  );
  expect(read([service, types], [folder]).roots).toEqual(['pkg/service.proto', 'pkg/types.proto']);
  expect(read([service, types], [folder]).descriptors).toHaveLength(2);
});

describe('what is wrong is said with its file', () => {
  test.each([
    [
      'syntax = "proto3";\nmessage M {\n  string a = 1\n}\n',
      /"\S+a\.proto", line 4: illegal token '}', ';' expected$/,
    ],
    [
      'syntax = "proto3";\nmessage M { Missing m = 1; }',
      /a\.proto": no such .*Missing.* is an import missing\?$/,
    ],
    ['syntax = "proto3";\nservice S { rpc M(Nope) returns (Nope); }', /a\.proto": no such .*Nope/],
    [
      'import "gone.proto";',
      /imports "gone\.proto", which is not in ".+"; name the folder .* in importPaths$/,
    ],
    ['syntax = "proto9";', /a\.proto" has syntax "proto9"; those that can be read are proto2, /],
    ['\0\u0001 nothing like it', /a\.proto", line 1: illegal token/],
    ['syntax = "proto3"; message M { string a = 1; string b = 1; }', /a\.proto".*duplicate id 1/],
  ])('%j', (text, expected) => {
    const sentence = faultOf([write('a.proto', text)]);
    expect(sentence).toMatch(/^proxies\.it\.proto: /);
    expect(sentence).toMatch(expected);
  });

  test('a file that is not there, a folder', () => {
    expect(faultOf([join(folder, 'gone.proto')])).toMatch(
      /gone\.proto" can't be read: there is no such file$/,
    );
    expect(faultOf([folder])).toMatch(/can't be read: /);
  });

  test('a fault in what it imports names that file', () => {
    write('b.proto', 'syntax = "proto3";\n\nmessage {}');
    const file = write('a.proto', 'syntax = "proto3"; import "b.proto";');
    expect(faultOf([file])).toMatch(/b\.proto", line 3: illegal type name '{'/);
  });

  test('files that import one another in a circle are read, each once', () => {
    const file = write('a.proto', 'syntax = "proto3"; import "b.proto"; message A {}');
    write('b.proto', 'syntax = "proto3"; import "a.proto"; message B {}');
    expect(read([file]).descriptors).toHaveLength(2);
  });
});

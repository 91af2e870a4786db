import { describe, expect, test } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import { describeBackend } from '../../../src/proxy/backend-description.js';
import { ReflectionError } from '../../../src/proxy/reflection-call.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { BackendConnector, CallEnd, CallEvents } from '../../../src/transport/client-contract.js';
import { readProtoFiles } from '../../../src/transport/grpc/proto-files.js';
import {
  decodeQuestion,
  encodeReply,
  type ReflectionQuestion,
  type ReflectionReply,
} from '../../../src/transport/grpc/reflection-wire.js';
import { readFileDescriptor } from '../../../src/wire/file-descriptor.js';
import { SHAPES, SHAPES_PROTO } from '../../helpers/shapes-backend.js';

const FILES = readProtoFiles({ setting: 'test', files: [SHAPES_PROTO], importPaths: [] }).descriptors;
const BY_NAME = new Map(FILES.map((bytes) => [readFileDescriptor(bytes).name, bytes]));
const MAIN = BY_NAME.get('shapes.proto') as Uint8Array;

type Answer = ReflectionReply | Uint8Array | CallEnd | undefined;

/** A backend whose reflection answers as the test says; undefined: not at all. */
class ScriptedReflection {
  readonly paths: string[] = [];
  readonly asked: ReflectionQuestion[] = [];
  cancelled = 0;
  readonly #answer: (question: ReflectionQuestion, path: string) => Answer;

  constructor(answer: (question: ReflectionQuestion, path: string) => Answer) {
    this.#answer = answer;
  }

  readonly connector = {
    address: 'one:1',
    call: (path: string, _: unknown, events: CallEvents) => {
      this.paths.push(path);
      return {
        send: (body: Uint8Array) => {
          const { question } = decodeQuestion(body);
          this.asked.push(question);
          const answer = this.#answer(question, path);
          queueMicrotask(() => {
            if (answer === undefined) return;
            if ('status' in answer) events.onEnd(answer);
            else if (answer instanceof Uint8Array) events.onBody(answer);
            else events.onBody(encodeReply('', Buffer.from(body), answer));
          });
          return true;
        },
        halfClose: () => undefined,
        cancel: () => {
          this.cancelled += 1;
        },
        pause: () => undefined,
        resume: () => undefined,
      };
    },
  } as unknown as BackendConnector;
}

const services = (...names: string[]): ReflectionReply => ({ kind: 'services', names });
const files = (...bytes: Uint8Array[]): ReflectionReply => ({ kind: 'files', files: bytes });

/** As a good one answers: one file at a time. */
function good(question: ReflectionQuestion): Answer {
  if (question.ask === 'services')
    return services(SHAPES, 'grpc.health.v1.Health', 'grpc.channelz.v1.Channelz');
  if (question.ask === 'symbol') return files(MAIN);
  if (question.ask === 'file') return files(BY_NAME.get(question.name) as Uint8Array);
  return undefined;
}

function faultOf(error: unknown): Pick<ReflectionError, 'fault' | 'message'> {
  if (error instanceof ReflectionError) return { fault: error.fault, message: error.message };
  throw error;
}

async function describeIt(
  answer: (question: ReflectionQuestion, path: string) => Answer,
  wanted: string[] = [],
) {
  const clock = new FakeClock();
  const backend = new ScriptedReflection(answer);
  const result = await describeBackend(backend.connector, wanted, { clock, timeoutMs: 1_000 }).then(
    (description) => ({ description, fault: undefined, message: '' }),
    (error: unknown) => ({ description: undefined, ...faultOf(error) }),
  );
  // Whatever came of it, nothing is left.
  expect(clock.activeTimers).toBe(0);
  expect(backend.cancelled).toBe(backend.paths.length);
  return { ...result, backend };
}

test('what it has, with all that this imports; gRPC’s own services are left out', async () => {
  const { description, backend } = await describeIt(good);
  expect(description?.services).toEqual(new Map([[SHAPES, ['One', 'Up', 'Down', 'Both']]]));
  expect(description?.files).toHaveLength(FILES.length);
  expect(backend.paths).toEqual(['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo']);
});

test('one that has the older protocol alone is asked by that', async () => {
  const off: CallEnd = { status: GrpcStatus.UNIMPLEMENTED, message: 'unknown service' };
  const { description, backend } = await describeIt((question, path) =>
    path.includes('.v1.') ? off : good(question),
  );
  expect(description?.services.size).toBe(1);
  expect(backend.paths.map((path) => path.split('.')[2])).toEqual(['v1', 'v1alpha']);
});

test('one that sends a file with what it needs, and does not say so, is helped out', async () => {
  const withoutImports = (): Answer => {
    // Field 3, the imports, stands behind name and package.
    const facts = readFileDescriptor(MAIN);
    const [dependency = ''] = facts.dependencies;
    const at = Buffer.from(MAIN).indexOf(dependency) - 2;
    const bare = Buffer.concat([MAIN.subarray(0, at), MAIN.subarray(at + 2 + dependency.length)]);
    expect(readFileDescriptor(bare).dependencies).toEqual([]);
    return files(bare, BY_NAME.get(dependency) as Uint8Array);
  };
  const { description } = await describeIt((question) =>
    question.ask === 'symbol' ? withoutImports() : good(question),
  );
  expect(description?.files.map((bytes) => readFileDescriptor(bytes).dependencies)).toContainEqual([
    'google/protobuf/timestamp.proto',
  ]);
});

describe('one that is of no use', () => {
  const off: CallEnd = { status: GrpcStatus.UNIMPLEMENTED, message: 'unknown service' };
  const away: CallEnd = {
    status: GrpcStatus.UNAVAILABLE,
    message: 'nobody is there',
    failure: 'unreachable',
  };
  const onSymbol = (answer: Answer) => (question: ReflectionQuestion) =>
    question.ask === 'symbol' ? answer : good(question);
  test.each<[string, (question: ReflectionQuestion) => Answer, string, string]>([
    ['has it off', () => off, 'off', 'it does not serve gRPC reflection'],
    ['is away', () => away, 'away', 'nobody is there'],
    [
      'hangs up',
      onSymbol({ status: GrpcStatus.OK, message: '' }),
      'away',
      'ended the call without an answer',
    ],
    ['answers with garbage', () => Buffer.from([0xff, 0xff, 0xff]), 'wrong', 'its answer can not be read'],
    [
      'answers something else',
      () => files(MAIN),
      'wrong',
      'it was asked for its services, and answered something else',
    ],
    [
      'has nothing of its own',
      () => services('grpc.health.v1.Health'),
      'wrong',
      'names no service but those of gRPC',
    ],
    [
      'has too many',
      () => services(...Array.from({ length: 300 }, (_, n) => `a.S${n}`)),
      'wrong',
      '300 services',
    ],
    [
      'sends no descriptor',
      onSymbol(files(Buffer.from([0x22, 0x05]))),
      'wrong',
      'a file that it sent can not be read',
    ],
    [
      'sends another file',
      onSymbol(files(BY_NAME.get('google/protobuf/timestamp.proto') as Uint8Array)),
      'wrong',
      `sent no file that declares ${SHAPES}`,
    ],
    [
      'does not know its own',
      onSymbol({ kind: 'error', code: 5, message: 'not found' }),
      'wrong',
      `asked for ${SHAPES}, it said: not found (gRPC status 5)`,
    ],
    [
      'does not send what it imports',
      (question) => (question.ask === 'file' ? files(MAIN) : good(question)),
      'wrong',
      'it sent no file google/protobuf/timestamp.proto when asked for it',
    ],
  ])('%s', async (_, answer, fault, message) => {
    expect(await describeIt(answer)).toMatchObject({
      fault,
      message: expect.stringContaining(message) as string,
    });
  });

  test('imports without end are not followed', async () => {
    let n = 0;
    const endless = (): Answer => {
      n += 1;
      const name = (of: number): Buffer => Buffer.from(`f${String(of).padStart(6, '0')}`);
      return files(Buffer.concat([Buffer.from([0x0a, 7]), name(n), Buffer.from([0x1a, 7]), name(n + 1)]));
    };
    const { fault, message } = await describeIt((question) =>
      question.ask === 'services' ? services('a.S') : endless(),
    );
    expect({ fault, message }).toMatchObject({
      fault: 'wrong',
      message: expect.stringContaining('more than 2000 files') as string,
    });
  });

  test('does not answer', async () => {
    const clock = new FakeClock();
    const { connector } = new ScriptedReflection(() => undefined);
    const asked = describeBackend(connector, [], { clock, timeoutMs: 1_000 });
    clock.advance(1_000);
    await expect(asked).rejects.toMatchObject({
      fault: 'away',
      message: 'it has not answered within 1000 ms',
    });
  });
});

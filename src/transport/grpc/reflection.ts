import { readFileSync } from 'node:fs';
import type { Server, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';
import { GrpcStatus, SluiceError } from '../../core/errors.js';
import { quoted } from '../../core/printable.js';
import { Reader } from '../../wire/reader.js';
import { type DescribedFile, DescriptorGroup } from './descriptor-group.js';
import {
  decodeQuestion,
  encodeReply,
  type ReflectionQuestion,
  type ReflectionReply,
} from './reflection-wire.js';

/**
 * What `buf build` made of the .proto files of the services served here (see test/unit/transport/reflection.test.ts
 * for the commands). As far from src/ as from dist/.
 */
const DESCRIPTOR_SETS = ['sluice.v1', 'grpc.health.v1'].map(
  (name) => new URL(`../../../proto/descriptors/${name}.binpb`, import.meta.url),
);

/** Field 1, length-delimited. */
const FILE_TAG = (1 << 3) | 2;

const PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

type InfoStream = ServerDuplexStream<Buffer, Buffer>;

/**
 * gRPC server reflection (v1 and v1alpha), which tells tools the services that
 * are served here, so that they need no .proto files. Not the package
 * @grpc/reflection: it is told everything beforehand, and has one file of each
 * name; two proxies may well have a service.proto each.
 */
export class Reflection {
  /** By whose they are, in the order in which they are looked through; "" has the gateway's own. */
  readonly #groups = new Map<string, DescriptorGroup>();

  constructor() {
    const own = DESCRIPTOR_SETS.flatMap((file) => splitDescriptorSet(readFileSync(file)));
    this.#groups.set('', new DescriptorGroup(own));
  }

  /** Tells of these services from now on, in the place of the owner's former ones. Throws for what are no FileDescriptorProtos. */
  describe(owner: string, files: readonly Uint8Array[], services: readonly string[]): void {
    this.#groups.set(owner, new DescriptorGroup(files, services));
  }

  addToServer(server: Server): void {
    const handler = (stream: InfoStream): void => {
      const asking = new Asking(this.#groups);
      stream.on('data', (request: Buffer) => {
        stream.write(asking.reply(request));
      });
      stream.on('end', () => {
        stream.end();
      });
    };
    for (const path of PATHS) {
      const definition: ServiceDefinition = {
        ServerReflectionInfo: {
          path,
          requestStream: true,
          responseStream: true,
          requestSerialize: asIs,
          requestDeserialize: asIs,
          responseSerialize: asIs,
          responseDeserialize: asIs,
        },
      };
      server.addService(definition, { ServerReflectionInfo: handler });
    }
  }
}

/** One call. */
class Asking {
  readonly #groups: ReadonlyMap<string, DescriptorGroup>;
  /** Where the last thing was found: what is asked for next is of the same, if it is there. */
  #last: DescriptorGroup | undefined;
  /** Files that went out: they are not sent along again, only where they are asked for. */
  readonly #sent = new Set<DescribedFile>();

  constructor(groups: ReadonlyMap<string, DescriptorGroup>) {
    this.#groups = groups;
  }

  reply(request: Buffer): Buffer {
    try {
      const { host, question } = decodeQuestion(request);
      return encodeReply(host, request, this.#answer(question));
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return encodeReply('', request, problem(GrpcStatus.INVALID_ARGUMENT, error.message));
    }
  }

  #answer(question: ReflectionQuestion): ReflectionReply {
    switch (question.ask) {
      case 'file':
        return this.#files((group) => group.file(question.name), `file ${quoted(question.name)}`);
      case 'symbol':
        return this.#files((group) => group.symbol(question.name), `symbol ${quoted(question.name)}`);
      case 'extension': {
        const { type, number } = question;
        return this.#files(
          (group) => group.extension(type, number),
          `extension ${number} of ${quoted(type)}`,
        );
      }
      case 'extensions': {
        const { type } = question;
        const group = [...this.#inOrder].find((each) => each.knows(type));
        if (group === undefined) return notFound(`message ${quoted(type)}`);
        return { kind: 'extensions', type, numbers: group.extensionNumbers(type) };
      }
      case 'services':
        return { kind: 'services', names: [...this.#groups.values()].flatMap(({ services }) => services) };
      case 'unknown':
        return problem(GrpcStatus.INVALID_ARGUMENT, 'the request asks for nothing that is known here');
    }
  }

  #files(find: (group: DescriptorGroup) => DescribedFile | undefined, what: string): ReflectionReply {
    for (const group of this.#inOrder) {
      const file = find(group);
      if (file === undefined) continue;
      this.#last = group;
      const files = [file, ...this.#imported(group, file)];
      return { kind: 'files', files: files.map(({ bytes }) => bytes) };
    }
    return notFound(what);
  }

  /** What a file needs to be read, and was not sent yet. */
  #imported(group: DescriptorGroup, file: DescribedFile): readonly DescribedFile[] {
    this.#sent.add(file);
    const needed: DescribedFile[] = [];
    const look = [file];
    for (let next = look.pop(); next !== undefined; next = look.pop()) {
      for (const name of next.facts.dependencies) {
        const dependency = group.file(name);
        if (dependency === undefined || this.#sent.has(dependency)) continue;
        this.#sent.add(dependency);
        needed.push(dependency);
        look.push(dependency);
      }
    }
    return needed;
  }

  get #inOrder(): Iterable<DescriptorGroup> {
    const all = new Set(this.#groups.values());
    // Replaced meanwhile, it is not looked at again.
    return this.#last === undefined || !all.has(this.#last) ? all : new Set([this.#last, ...all]);
  }
}

function notFound(what: string): ReflectionReply {
  return problem(GrpcStatus.NOT_FOUND, `${what} is not known here`);
}

function problem(code: number, message: string): ReflectionReply {
  return { kind: 'error', code, message };
}

/** The files of a google.protobuf.FileDescriptorSet, whose one field is `repeated FileDescriptorProto file = 1`. */
function splitDescriptorSet(set: Uint8Array): Uint8Array[] {
  const reader = new Reader();
  reader.set(set, 0, set.length);
  const files: Uint8Array[] = [];
  while (reader.position < reader.end) {
    if (reader.tag() !== FILE_TAG) throw new Error('proto/descriptors does not hold descriptor sets');
    files.push(reader.bytes('file'));
  }
  return files;
}

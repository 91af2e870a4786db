import type { Clock } from '../core/clock.js';
import { errorText } from '../core/error-text.js';
import { GrpcStatus } from '../core/errors.js';
import { isOwnService } from '../core/service-name.js';
import type { BackendConnector } from '../transport/client-contract.js';
import { type FileFacts, readFileDescriptor } from '../wire/file-descriptor.js';
import { textFieldSize, writeTextField } from '../wire/writer.js';
import { ReflectionCall, ReflectionError } from './reflection-call.js';
import { REFLECTION_PATHS, type ReflectionAnswer } from './reflection-codec.js';
import { nearestFirst, servicesIn, type ServiceMethods } from './service-methods.js';

/** What a backend says that it serves. */
export interface BackendDescription {
  readonly services: ServiceMethods;
  /** FileDescriptorProtos: the files that declare these services, and all that they import. */
  readonly files: readonly Uint8Array[];
}

// What one backend may say, in all: bounds, not limits that anyone should meet.
const MAX_SERVICES = 256;
const MAX_FILES = 2_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** Field 3 of google.protobuf.FileDescriptorProto, length-delimited. */
const TAG_DEPENDENCY = 0x1a;

/**
 * Asks a backend, by gRPC reflection, for these services, or for all that it
 * has but those that the gateway has itself. Rejects with a ReflectionError.
 */
export async function describeBackend(
  connector: BackendConnector,
  services: readonly string[],
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<BackendDescription> {
  const [newer, older] = REFLECTION_PATHS;
  try {
    return await describeBy(new ReflectionCall(connector, newer, clock, timeoutMs), services);
  } catch (error) {
    if (!(error instanceof ReflectionError) || error.fault !== 'off') throw error;
    return describeBy(new ReflectionCall(connector, older, clock, timeoutMs), services);
  }
}

async function describeBy(call: ReflectionCall, services: readonly string[]): Promise<BackendDescription> {
  try {
    return await new Asking(call).describe(services);
  } finally {
    call.close();
  }
}

class Asking {
  readonly #call: ReflectionCall;
  readonly #files = new Map<string, { readonly bytes: Uint8Array; readonly facts: FileFacts }>();
  readonly #imported = new Set<string>();
  #bytes = 0;

  constructor(call: ReflectionCall) {
    this.#call = call;
  }

  async describe(services: readonly string[]): Promise<BackendDescription> {
    const there = await this.#list();
    const missing = services.find((service) => !there.includes(service));
    if (missing !== undefined) {
      const others = there.length === 0 ? 'none' : nearestFirst(missing, there);
      throw new ReflectionError('wrong', `it has no service ${missing}; of services it has ${others}`);
    }
    // Those of gRPC's own packages (channelz, for one) are passed on where they are named.
    const wanted = services.length > 0 ? services : there.filter((name) => !name.startsWith('grpc.'));
    if (wanted.length === 0)
      throw new ReflectionError('wrong', 'it names no service but those of gRPC itself');
    if (wanted.length > MAX_SERVICES)
      throw new ReflectionError(
        'wrong',
        `it names ${wanted.length} services, and ${MAX_SERVICES} are the most`,
      );
    for (const service of wanted)
      if (!this.#declared.has(service))
        this.#take(await this.#call.ask({ ask: 'symbol', name: service }), service);
    await this.#complete();
    const declared = this.#declared;
    const found = new Map<string, readonly string[]>();
    for (const service of wanted) {
      const methods = declared.get(service);
      if (methods === undefined)
        throw new ReflectionError('wrong', `it sent no file that declares ${service}`);
      found.set(service, methods);
    }
    return { services: found, files: [...this.#files.values()].map(({ bytes }) => bytes) };
  }

  get #declared(): ServiceMethods {
    return servicesIn([...this.#files.values()].map(({ facts }) => facts));
  }

  async #list(): Promise<readonly string[]> {
    const answer = await this.#call.ask({ ask: 'services' });
    if (answer.kind !== 'services') throw unexpected(answer, 'its services');
    return answer.names.filter((name) => name !== '' && !isOwnService(name));
  }

  /** Asks for what the files import, until all is there. */
  async #complete(): Promise<void> {
    // What is added while it is walked is walked, too.
    for (const name of this.#imported) {
      if (this.#files.has(name)) continue;
      this.#take(await this.#call.ask({ ask: 'file', name }), name);
      if (!this.#files.has(name))
        throw new ReflectionError('wrong', `it sent no file ${name} when asked for it`);
    }
  }

  #take(answer: ReflectionAnswer, what: string): void {
    if (answer.kind !== 'files') throw unexpected(answer, what);
    for (const [n, sent] of answer.files.entries()) {
      const along = n === 0 ? answer.files.slice(1) : [];
      const { bytes, facts } = withImports(sent, along);
      if (this.#files.has(facts.name)) continue;
      this.#bytes += bytes.length;
      if (this.#files.size >= MAX_FILES || this.#bytes > MAX_BYTES) {
        throw new ReflectionError(
          'wrong',
          `it describes itself in more than ${MAX_FILES} files or ${MAX_BYTES} bytes, which is not read`,
        );
      }
      this.#files.set(facts.name, { bytes, facts });
      for (const name of facts.dependencies) this.#imported.add(name);
    }
  }
}

/**
 * A file that came with others, and says that it imports none, came with what
 * it imports: the reflection of grpc-js leaves that out. Fields of a message
 * may stand anywhere in it, so they are put behind.
 */
function withImports(
  bytes: Uint8Array,
  along: readonly Uint8Array[],
): { readonly bytes: Uint8Array; readonly facts: FileFacts } {
  const facts = factsOf(bytes);
  if (facts.dependencies.length > 0 || along.length === 0) return { bytes, facts };
  const names = along.map((each) => factsOf(each).name).filter((name) => name !== facts.name);
  const size = names.reduce((sum, name) => sum + textFieldSize(name), bytes.length);
  const completed = new Uint8Array(size);
  completed.set(bytes);
  let offset = bytes.length;
  for (const name of names) offset = writeTextField(completed, offset, TAG_DEPENDENCY, name);
  return { bytes: completed, facts: { ...facts, dependencies: names } };
}

function factsOf(bytes: Uint8Array): FileFacts {
  try {
    return readFileDescriptor(bytes);
  } catch (error) {
    throw new ReflectionError('wrong', `a file that it sent can not be read: ${errorText(error)}`);
  }
}

function unexpected(answer: ReflectionAnswer, what: string): ReflectionError {
  if (answer.kind !== 'error')
    return new ReflectionError('wrong', `it was asked for ${what}, and answered something else`);
  if (answer.code === GrpcStatus.UNIMPLEMENTED)
    return new ReflectionError('off', 'it does not serve gRPC reflection');
  return new ReflectionError(
    'wrong',
    `asked for ${what}, it said: ${answer.message} (gRPC status ${answer.code})`,
  );
}

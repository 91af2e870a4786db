/** Somebody's service of gRPC's four shapes, and its client: plain grpc-js and proto-loader, none of our code. */
import { join, resolve } from 'node:path';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type ServiceError,
  type sendUnaryData,
  status,
  type StatusObject,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const PROTOS = resolve(import.meta.dirname, 'fixtures/protos');
export const SHAPES_PROTO = join(PROTOS, 'shapes.proto');
export const SHAPES = 'shapes.v1.Shapes';

const definition = loadSync(SHAPES_PROTO);
const loaded = loadPackageDefinition(definition) as unknown as {
  readonly shapes: { readonly v1: { readonly Shapes: ServiceClientConstructor } };
};
const { Shapes } = loaded.shapes.v1;

export interface Note {
  readonly text: string;
}

export interface ShapesBackend {
  readonly address: string;
  /** Of every call that came, in order. */
  readonly metadata: Metadata[];
  /** Calls of Both that are open now. */
  readonly open: Set<ServerDuplexStream<Note, Note>>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ShapesOptions {
  readonly reflection?: boolean;
  readonly port?: number;
  /** Methods that this version does not have. */
  readonly without?: readonly string[];
}

/**
 * One: echoes; "fail" fails NOT_FOUND, "hang" is never answered. Up: joins. Down: says it three times. Both: echoes each.
 */
export async function startShapes(options: ShapesOptions = {}): Promise<ShapesBackend> {
  const server = new Server();
  const metadata: Metadata[] = [];
  const open = new Set<ServerDuplexStream<Note, Note>>();
  const handlers = {
    One: (call: ServerUnaryCall<Note, Note>, callback: sendUnaryData<Note>) => {
      metadata.push(call.metadata);
      if (call.request.text === 'hang') return;
      if (call.request.text === 'fail') callback({ code: status.NOT_FOUND, details: 'no such note' });
      else callback(null, call.request);
    },
    Up: (call: ServerReadableStream<Note, Note>, callback: sendUnaryData<Note>) => {
      metadata.push(call.metadata);
      const texts: string[] = [];
      call.on('data', ({ text }: Note) => texts.push(text));
      call.on('end', () => callback(null, { text: texts.join('+') }));
    },
    Down: (call: ServerWritableStream<Note, Note>) => {
      metadata.push(call.metadata);
      for (let n = 0; n < 3; n += 1) call.write(call.request);
      call.end();
    },
    Both: (call: ServerDuplexStream<Note, Note>) => {
      metadata.push(call.metadata);
      open.add(call);
      call.on('data', (note: Note) => call.write(note));
      call.on('end', () => call.end());
      call.on('close', () => open.delete(call));
      call.on('cancelled', () => open.delete(call));
      call.on('error', () => undefined);
    },
  };
  const without = new Set(options.without ?? []);
  const service = Object.fromEntries(Object.entries(Shapes.service).filter(([name]) => !without.has(name)));
  server.addService(service, handlers);
  if (options.reflection === true) new ReflectionService(definition).addToServer(server);
  const port = await new Promise<number>((found, failed) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) found(bound);
      else failed(error);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    metadata,
    open,
    [Symbol.asyncDispose]() {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** What came of one call: its answers, its metadata, and its status. */
export interface Called {
  readonly texts: readonly string[];
  readonly status: StatusObject;
}

type AnyCall = ClientDuplexStream<Note, Note>;
type Opened = (metadata: Metadata) => AnyCall;

export class ShapesClient implements AsyncDisposable {
  readonly #client: InstanceType<ServiceClientConstructor>;

  constructor(address: string) {
    this.#client = new Shapes(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }

  one(text: string, headers: Readonly<Record<string, string>> = {}): Promise<Called> {
    return new Promise((resolve) => {
      let texts: readonly string[] = [];
      const unary = this.#client['One'] as unknown as (
        note: Note,
        metadata: Metadata,
        callback: (error: ServiceError | null, answer?: Note) => void,
      ) => { on(event: 'status', listener: (status: StatusObject) => void): void };
      const call = unary.call(this.#client, { text }, metadataOf(headers), (_error, answer) => {
        if (answer !== undefined) texts = [answer.text];
      });
      call.on('status', (ended) => {
        // Its answer is given in the same turn.
        setImmediate(() => resolve({ texts, status: ended }));
      });
    });
  }

  up(texts: readonly string[]): Promise<Called> {
    return new Promise((resolve) => {
      let answer: readonly string[] = [];
      const upload = this.#client['Up'] as unknown as (
        metadata: Metadata,
        callback: (error: ServiceError | null, answer?: Note) => void,
      ) => ClientWritableStream<Note>;
      const call = upload.call(this.#client, new Metadata(), (_error, joined) => {
        if (joined !== undefined) answer = [joined.text];
      });
      call.on('status', (ended: StatusObject) =>
        setImmediate(() => resolve({ texts: answer, status: ended })),
      );
      for (const text of texts) call.write({ text });
      call.end();
    });
  }

  down(text: string): Promise<Called> {
    const open = this.#client['Down'] as unknown as (note: Note) => ClientReadableStream<Note>;
    return whole(open.call(this.#client, { text }));
  }

  /** Open until it is ended: `answers` are those so far. */
  both(headers: Readonly<Record<string, string>> = {}): {
    readonly call: AnyCall;
    readonly answers: string[];
    readonly status: Promise<StatusObject>;
  } {
    const open = this.#client['Both'] as unknown as Opened;
    const call = open.call(this.#client, metadataOf(headers));
    const answers: string[] = [];
    call.on('data', ({ text }: Note) => answers.push(text));
    call.on('error', () => undefined);
    const ended = new Promise<StatusObject>((resolve) => call.on('status', resolve));
    return { call, answers, status: ended };
  }

  /** A method that no .proto file names. */
  unknown(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Called> {
    return whole(
      this.#client.makeServerStreamRequest(
        path,
        (note: Note) => Buffer.from(note.text),
        (bytes) => ({ text: bytes.toString() }),
        { text: '' },
        metadataOf(headers),
      ),
    );
  }
}

function whole(call: ClientReadableStream<Note>): Promise<Called> {
  const texts: string[] = [];
  call.on('data', ({ text }: Note) => texts.push(text));
  call.on('error', () => undefined);
  return new Promise((resolve) => {
    call.on('status', (ended: StatusObject) => resolve({ texts, status: ended }));
  });
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** A service of all four shapes whose messages are bytes, on grpc-js, and its client: stands for anybody's service. */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceDefinition,
} from '@grpc/grpc-js';

const bytes = (buffer: Buffer): Buffer => buffer;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Shapes/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

const SHAPES = {
  unary: method('Unary', false, false),
  upload: method('Upload', true, false),
  feed: method('Feed', false, true),
  chat: method('Chat', true, true),
} satisfies ServiceDefinition;

export interface ShapeHandlers {
  unary?(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void;
  upload?(call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void;
  feed?(call: ServerWritableStream<Buffer, Buffer>): void;
  chat?(call: ServerDuplexStream<Buffer, Buffer>): void;
}

export class ShapesBackend implements AsyncDisposable {
  readonly address: string;
  readonly server: Server;

  private constructor(server: Server, address: string) {
    this.server = server;
    this.address = address;
  }

  static async start(handlers: ShapeHandlers, options = {}, port = 0): Promise<ShapesBackend> {
    const server = new Server({ 'grpc.max_receive_message_length': -1, ...options });
    server.addService(SHAPES, handlers as never);
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => {
        if (error) reject(error);
        else resolve(at);
      });
    });
    return new ShapesBackend(server, `127.0.0.1:${bound}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.server.forceShutdown();
    return Promise.resolve();
  }
}

/** What a client of grpc-js tells of a call. */
export interface SeenCall {
  readonly headers: Record<string, unknown> | undefined;
  readonly bodies: readonly Buffer[];
  readonly code: number;
  readonly details: string;
  readonly trailers: Record<string, unknown>;
}

export interface ShapeCall {
  readonly metadata?: Metadata;
  readonly bodies?: readonly Buffer[];
  readonly deadlineMs?: number;
}

export class ShapesClient implements Disposable {
  readonly client: Client;

  constructor(address: string, options = {}) {
    this.client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.max_receive_message_length': -1,
      ...options,
    });
  }

  chat(metadata = new Metadata(), options = {}) {
    return this.client.makeBidiStreamRequest(SHAPES.chat.path, bytes, bytes, metadata, options);
  }

  feed(body: Buffer, metadata = new Metadata(), options = {}) {
    return this.client.makeServerStreamRequest(SHAPES.feed.path, bytes, bytes, body, metadata, options);
  }

  upload(callback: (error: unknown, body?: Buffer) => void, metadata = new Metadata()) {
    return this.client.makeClientStreamRequest(SHAPES.upload.path, bytes, bytes, metadata, {}, callback);
  }

  /** Makes a call of any shape, sends all of the bodies, and waits for its end. */
  async see(shape: keyof typeof SHAPES, call: ShapeCall = {}): Promise<SeenCall> {
    const { metadata = new Metadata(), bodies = [], deadlineMs } = call;
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const got: Buffer[] = [];
    let headers: Record<string, unknown> | undefined;
    const answered = (_error: unknown, body?: Buffer): void => {
      if (body !== undefined) got.push(body);
    };
    const [first = Buffer.alloc(0)] = bodies;
    const { path } = SHAPES[shape];
    const { client } = this;
    const requests =
      shape === 'upload'
        ? client.makeClientStreamRequest(path, bytes, bytes, metadata, options, answered)
        : shape === 'chat'
          ? client.makeBidiStreamRequest(path, bytes, bytes, metadata, options)
          : undefined;
    const made =
      requests ??
      (shape === 'feed'
        ? client.makeServerStreamRequest(path, bytes, bytes, first, metadata, options)
        : client.makeUnaryRequest(path, bytes, bytes, first, metadata, options, answered));
    made.on('metadata', (told: Metadata) => {
      headers = plain(told);
    });
    if ('read' in made) {
      made.on('data', (body: Buffer) => got.push(body));
      made.on('error', () => undefined);
    }
    for (const body of bodies) requests?.write(body);
    requests?.end();
    return new Promise((resolve) => {
      made.on('status', ({ code, details, metadata: trailers }) => {
        const end = { code, details, trailers: plain(trailers) };
        // The answer of a call that has one comes right behind its status.
        setImmediate(() => {
          resolve({ headers, bodies: got, ...end });
        });
      });
    });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** All values of each name. */
function plain(metadata: Metadata): Record<string, unknown> {
  return Object.fromEntries(Object.keys(metadata.getMap()).map((name) => [name, metadata.get(name)]));
}

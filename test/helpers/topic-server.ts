/**
 * Publish, Subscribe and Ingest as stream.proto describes them, on a grpc-js
 * server on loopback: what a gateway that serves them does, for tests of the
 * client's side.
 */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type SluiceError } from '../../src/core/errors.js';
import { encodeStatusDetails } from '../../src/wire/status-details.js';
import { MessageType } from '../../src/wire/messages.js';

const definition = loadSync('proto/sluice/v1/stream.proto', { longs: Number, enums: Number, defaults: true });
const SERVICE = definition['sluice.v1.StreamService'] as unknown as grpc.ServiceDefinition;

interface Entry {
  readonly sequence: number;
  readonly data: Buffer;
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PublishCall {
  readonly topic: string;
  readonly data: Buffer;
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly idempotencyKey: string;
  readonly ttlMs: number;
}

export interface SubscribeCall {
  readonly topic: string;
  readonly afterSequence: number;
  readonly history: number;
  readonly overflow: number;
}

interface UploadedMessage {
  readonly data: Buffer;
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface TopicServerOptions {
  /** What a topic holds; older messages are lost to who asks for them. Default 1,000. */
  readonly keep?: number;
  /** 0: none. Default 10,000. */
  readonly heartbeatIntervalMs?: number;
  readonly protocolVersion?: number;
  /** Whether it greets whoever subscribes. Default true. */
  readonly welcomes?: boolean;
}

/** One topic: what it holds, and who is told when there is more. */
class Topic {
  readonly #keep: number;
  readonly #entries: Entry[] = [];
  readonly answers = new Map<string, { readonly sequence: number; readonly subscribers: number }>();
  readonly followers = new Set<() => void>();
  /** Positions of before a restart are far below. */
  newest = 1_000;

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(entry: Omit<Entry, 'sequence'>): number {
    this.newest += 1;
    this.#entries.push({ ...entry, sequence: this.newest });
    if (this.#entries.length > this.#keep) this.#entries.shift();
    for (const follower of this.followers) follower();
    return this.newest;
  }

  /** The first entry held that comes after this position. */
  after(position: number): Entry | undefined {
    return this.#entries.find(({ sequence }) => sequence > position);
  }

  /** Where `count` entries before the newest end. */
  positionBefore(count: number): number {
    return (this.#entries.at(-count)?.sequence ?? this.#entries[0]?.sequence ?? this.newest + 1) - 1;
  }
}

export class TopicServer implements AsyncDisposable {
  readonly address: string;
  readonly published: PublishCall[] = [];
  readonly subscribed: SubscribeCall[] = [];
  /** The request metadata of each call. */
  readonly metadata: grpc.Metadata[] = [];
  readonly uploaded: UploadedMessage[] = [];
  /** Calls of Subscribe that have not ended. */
  subscribers = 0;
  /** Called once a Publish is done and before it is answered; what it returns true for is never answered. */
  beforeAnswer: (() => boolean) | undefined;
  /** The next calls are refused with these, one each. */
  readonly refusals: SluiceError[] = [];
  /** While true uploads are not read. */
  holdsUploads = false;
  /** Uploads are summed up once so many messages came, whatever else is sent. */
  endsUploadsAfter = Infinity;
  readonly #server: grpc.Server;
  readonly #options: Required<TopicServerOptions>;
  readonly #topics = new Map<string, Topic>();
  readonly #uploads = new Set<grpc.ServerReadableStream<UploadedMessage, unknown>>();

  private constructor(server: grpc.Server, address: string, options: TopicServerOptions) {
    this.#server = server;
    this.address = address;
    this.#options = {
      keep: 1_000,
      heartbeatIntervalMs: 10_000,
      protocolVersion: 1,
      welcomes: true,
      ...options,
    };
  }

  static async start(options: TopicServerOptions = {}): Promise<TopicServer> {
    const server = new grpc.Server();
    const handlers = {} as { self: TopicServer };
    server.addService(SERVICE, {
      publish: (call: grpc.ServerUnaryCall<PublishCall, unknown>, answer: grpc.sendUnaryData<unknown>) => {
        handlers.self.#publish(call, answer);
      },
      subscribe: (call: grpc.ServerWritableStream<SubscribeCall, unknown>) => {
        handlers.self.#subscribe(call);
      },
      ingest: (
        call: grpc.ServerReadableStream<UploadedMessage, unknown>,
        answer: grpc.sendUnaryData<unknown>,
      ) => {
        handlers.self.#ingest(call, answer);
      },
      streamData: (call: grpc.ServerDuplexStream<unknown, unknown>) => {
        call.end();
      },
      streamBatches: (call: grpc.ServerDuplexStream<unknown, unknown>) => {
        call.end();
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    handlers.self = new TopicServer(server, `127.0.0.1:${port}`, options);
    return handlers.self;
  }

  /** As one of its own backends does. */
  add(topic: string, ...texts: readonly string[]): void {
    for (const text of texts) this.#topic(topic).add({ data: Buffer.from(text), key: '', metadata: {} });
  }

  /** Reads the uploads it holds. */
  release(): void {
    this.holdsUploads = false;
    for (const upload of this.#uploads) upload.resume();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, (topic = new Topic(this.#options.keep)));
    return topic;
  }

  #publish(
    { request, metadata }: grpc.ServerUnaryCall<PublishCall, unknown>,
    answer: grpc.sendUnaryData<unknown>,
  ): void {
    this.metadata.push(metadata);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      answer(statusOf(refusal));
      return;
    }
    this.published.push(request);
    const topic = this.#topic(request.topic);
    const known = topic.answers.get(request.idempotencyKey);
    const first = known ?? { sequence: topic.add(request), subscribers: topic.followers.size };
    if (request.idempotencyKey !== '') topic.answers.set(request.idempotencyKey, first);
    if (this.beforeAnswer?.() === true) return;
    answer(null, { ...first, duplicate: known !== undefined });
  }

  #subscribe(call: grpc.ServerWritableStream<SubscribeCall, unknown>): void {
    const { request } = call;
    this.metadata.push(call.metadata);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      call.emit('error', statusOf(refusal));
      return;
    }
    this.subscribed.push(request);
    this.subscribers += 1;
    const topic = this.#topic(request.topic);
    const { heartbeatIntervalMs, protocolVersion, welcomes } = this.#options;
    let position = request.afterSequence;
    if (position === 0) position = request.history > 0 ? topic.positionBefore(request.history) : topic.newest;
    if (welcomes) {
      call.write({
        type: MessageType.CONTROL,
        sequence: position,
        control: { welcome: { heartbeatIntervalMs, protocolVersion } },
      });
    }
    let hasRoom = true;
    const writeOn = (): void => {
      while (hasRoom && !call.cancelled) {
        const next = topic.after(position);
        if (next === undefined) return;
        if (next.sequence > position + 1) {
          const gap = { fromSequence: position + 1, toSequence: next.sequence - 1, reason: 'RESUME_EXPIRED' };
          call.write({ type: MessageType.CONTROL, control: { gap } });
        }
        position = next.sequence;
        hasRoom = call.write({ type: MessageType.DATA, ...next });
      }
    };
    call.on('drain', () => {
      hasRoom = true;
      writeOn();
    });
    topic.followers.add(writeOn);
    call.on('close', () => {
      if (topic.followers.delete(writeOn)) this.subscribers -= 1;
    });
    call.on('cancelled', () => {
      if (topic.followers.delete(writeOn)) this.subscribers -= 1;
    });
    writeOn();
  }

  #ingest(
    call: grpc.ServerReadableStream<UploadedMessage, unknown>,
    answer: grpc.sendUnaryData<unknown>,
  ): void {
    this.metadata.push(call.metadata);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      answer(statusOf(refusal));
      return;
    }
    let messages = 0;
    let rejected = 0;
    let bytes = 0;
    let sum = 0;
    let isAnswered = false;
    const sumUp = (): void => {
      this.#uploads.delete(call);
      if (isAnswered) return;
      isAnswered = true;
      answer(null, { messages, bytes, rejected, aggregates: { sum } });
    };
    this.#uploads.add(call);
    call.on('data', (message: UploadedMessage) => {
      const value = Number(message.data.toString());
      if (Number.isNaN(value)) rejected += 1;
      else {
        messages += 1;
        bytes += message.data.length;
        sum += value;
        this.uploaded.push(message);
      }
      if (messages >= this.endsUploadsAfter) sumUp();
    });
    call.on('end', sumUp);
    call.on('error', () => undefined);
    if (this.holdsUploads) call.pause();
  }
}

function statusOf(error: SluiceError): grpc.ServerErrorResponse {
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(encodeStatusDetails(error)));
  const status: object = { code: error.entry.grpcStatus, details: error.message, metadata };
  return Object.assign(new Error(error.message), status);
}

/** StreamService's clients as anyone would write them: plain grpc-js and proto-loader, none of our codec. */
import { join, resolve } from 'node:path';
import {
  type ClientDuplexStream,
  compressionAlgorithms,
  credentials,
  loadPackageDefinition,
  Metadata,
  type StatusObject,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { StreamMethod } from '../../src/transport/contract.js';
import { type DataMessage, dataMessage } from '../../src/wire/messages.js';

const PROTO_ROOT = resolve(import.meta.dirname, '../../proto');

interface PlainMessage {
  readonly type: number;
  readonly sessionId: string;
  readonly sequence: number;
  readonly ack: number;
  readonly timestampMs: number;
  readonly data: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly key: string;
  readonly more: boolean;
  readonly ttlMs: number;
}
interface PlainBatch {
  readonly messages: readonly PlainMessage[];
}
type PlainStream = ClientDuplexStream<object, object>;

const loaded = loadPackageDefinition(
  loadSync(join(PROTO_ROOT, 'sluice/v1/stream.proto'), {
    includeDirs: [PROTO_ROOT],
    longs: Number,
    enums: Number,
    defaults: true,
  }),
) as unknown as { readonly sluice: { readonly v1: { readonly StreamService: ServiceClientConstructor } } };
const StreamServiceClient = loaded.sluice.v1.StreamService;

/** What these clients do not translate: control messages. */
function toPlain(message: DataMessage): PlainMessage {
  const { control: _control, metadata, data, ...rest } = message;
  return {
    ...rest,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    metadata: Object.fromEntries(metadata ?? []),
  };
}

function fromPlain(message: PlainMessage): DataMessage {
  const { type, sessionId, sequence, ack, timestampMs, data, key, more, ttlMs } = message;
  const metadata = Object.entries(message.metadata);
  return dataMessage({
    type,
    sessionId,
    sequence,
    ack,
    timestampMs,
    data,
    metadata: metadata.length === 0 ? undefined : new Map(metadata),
    key,
    more,
    ttlMs,
  });
}

export interface PlainCallOptions {
  readonly method: StreamMethod;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** `grpc-encoding` of what it sends. */
  readonly compress?: 'gzip' | 'deflate';
}

/** One call of a plain grpc-js client, with a connection of its own. */
export class PlainCall {
  readonly status: Promise<StatusObject>;
  readonly method: StreamMethod;

  readonly #client: InstanceType<ServiceClientConstructor>;
  readonly #call: PlainStream;
  readonly #received: DataMessage[] = [];
  readonly #waiters: ((message: DataMessage | undefined) => void)[] = [];
  #over = false;

  constructor(address: string, options: PlainCallOptions) {
    this.method = options.method;
    this.#client = new StreamServiceClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.per_rpc_retry_buffer_size': 0,
      'grpc.use_local_subchannel_pool': 1,
      ...(options.compress === undefined
        ? {}
        : { 'grpc.default_compression_algorithm': compressionAlgorithms[options.compress] }),
    });
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) {
      metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    }
    const open = this.#client[options.method] as unknown as (
      metadata: Metadata,
      options: { readonly deadline?: Date },
    ) => PlainStream;
    this.#call = open.call(
      this.#client,
      metadata,
      options.deadlineMs === undefined ? {} : { deadline: new Date(Date.now() + options.deadlineMs) },
    );
    this.#call.on('error', () => undefined);
    this.#call.on('data', (frame: PlainMessage | PlainBatch) => {
      for (const message of 'messages' in frame ? frame.messages : [frame]) this.#take(fromPlain(message));
    });
    this.status = new Promise((resolve) => {
      this.#call.on('status', (status) => {
        this.#over = true;
        for (const waiter of this.#waiters.splice(0)) waiter(undefined);
        this.#client.close();
        resolve(status);
      });
    });
  }

  send(...messages: readonly DataMessage[]): void {
    if (this.method === 'StreamBatches') this.#call.write({ messages: messages.map(toPlain) });
    else for (const message of messages) this.#call.write(toPlain(message));
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Takes nothing more from the network until `startReading`. */
  stopReading(): void {
    this.#call.pause();
  }

  startReading(): void {
    this.#call.resume();
  }

  receive(): Promise<DataMessage | undefined> {
    const message = this.#received.shift();
    if (message !== undefined || this.#over) return Promise.resolve(message);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #take(message: DataMessage): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#received.push(message);
    else waiter(message);
  }
}

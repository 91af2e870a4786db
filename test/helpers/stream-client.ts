/** A client of plain grpc-js and proto-loader: what a user of those would write. */
import { fileURLToPath } from 'node:url';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A message as proto-loader gives it. */
export interface Received {
  readonly type: string;
  readonly sessionId: string;
  readonly sequence: number;
  readonly ack: number;
  readonly timestampMs: number;
  readonly data: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly key: string;
  readonly control?: { readonly action: string } & Readonly<
    Record<string, Readonly<Record<string, unknown>>>
  >;
}

export interface ClientOptions {
  readonly method?: 'StreamData' | 'StreamBatches';
  readonly metadata?: Readonly<Record<string, string>>;
  readonly credentials?: ChannelCredentials;
  readonly channel?: ChannelOptions;
  readonly deadline?: Date;
}

const definition = loadSync('sluice/v1/stream.proto', {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});
const StreamService = (
  loadPackageDefinition(definition) as unknown as {
    sluice: {
      v1: {
        StreamService: new (address: string, creds: ChannelCredentials, options?: ChannelOptions) => Client;
      };
    };
  }
).sluice.v1.StreamService;

type Duplex = ClientDuplexStream<object, Received & { readonly messages?: readonly Received[] }>;

/** One call, with what came collected and awaitable. */
export class StreamClient {
  readonly call: Duplex;
  /** Everything received, in order. */
  readonly received: Received[] = [];
  /** Resolves with the status, however the call ends. */
  readonly status: Promise<StatusObject>;
  readonly #client: Client;
  readonly #method: 'StreamData' | 'StreamBatches';
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(address: string, options: ClientOptions = {}) {
    this.#method = options.method ?? 'StreamData';
    this.#client = new StreamService(address, options.credentials ?? credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      ...options.channel,
    });
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const open = (this.#client as unknown as Record<string, (m: Metadata, o: object) => Duplex>)[
      this.#method
    ]!;
    this.call = open.call(
      this.#client,
      metadata,
      options.deadline === undefined ? {} : { deadline: options.deadline },
    );
    this.call.on('data', (message: Received & { readonly messages?: readonly Received[] }) => {
      this.received.push(...(this.#method === 'StreamBatches' ? (message.messages ?? []) : [message]));
      this.#notify();
    });
    this.call.on('error', () => undefined);
    this.status = new Promise((resolve) => {
      this.call.on('status', (status) => {
        this.#ended = true;
        resolve(status);
        this.#notify();
      });
    });
  }

  /** DATA received so far. */
  get data(): Received[] {
    return this.received.filter((message) => message.type === 'MESSAGE_TYPE_DATA');
  }

  /** Control messages of one action received so far. */
  controls(action: string): Received[] {
    return this.received.filter((message) => message.control?.action === action);
  }

  /** Queues a message; whether more may be written at once. A batch call sends it as a batch of one. */
  send(message: object): boolean {
    return this.call.write(this.#method === 'StreamBatches' ? { messages: [message] } : message);
  }

  sendData(sessionId: string, data: string | Buffer, more: object = {}): boolean {
    return this.send({ sessionId, data: Buffer.from(data), ...more });
  }

  /** Resolves when `condition` holds; rejects when the call ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw new Error(`the call ended first: ${JSON.stringify(await this.status)}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  /** Resolves when so many DATA messages have come. */
  untilData(count: number): Promise<void> {
    return this.until(() => this.data.length >= count);
  }

  halfClose(): void {
    this.call.end();
  }

  /** Ends the call, where it has not ended, and the channel. */
  close(): void {
    this.call.cancel();
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #notify(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

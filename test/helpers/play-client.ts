/** The client of the proxy tests: a call of any shape, and all that its application sees of it. */
import { createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { entriesOf, metadataOf } from './play-backend.js';
import { CALL_NAME, type Entry, type PlayReport, PLAY_SERVICE, type Step, STEPS_NAME } from './play-steps.js';

/** Of gRPC's four, as the client's library has it. */
export type Shape = 'Unary' | 'Upload' | 'Follow' | 'Talk';

export interface PlayCall {
  readonly shape: Shape;
  readonly steps: readonly Step[];
  /** What is sent, one after the other; then comes the half-close. Of one message where the shape takes one. */
  readonly requests?: Iterable<Buffer>;
  readonly metadata?: readonly Entry[];
  readonly timeoutMs?: number;
  readonly name?: string;
  /** So many messages have come on a stream: what now? */
  readonly onAnswer?: (
    answers: number,
    stream: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
  ) => void;
  /** No half-close behind the requests. */
  readonly staysOpen?: boolean;
}

/** What its application saw, in a form that can be compared. */
export interface Seen {
  /** undefined where the answer was a status alone. */
  readonly initial: Readonly<Record<string, readonly string[]>> | undefined;
  readonly answers: { readonly count: number; readonly bytes: number; readonly sha256: string };
  readonly status: number;
  readonly message: string;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
  /** The first answer; "seen" and "digest" are JSON. */
  readonly first: Buffer | undefined;
}

const identity = (bytes: Buffer): Buffer => bytes;

type AnyStream =
  | grpc.ClientUnaryCall
  | grpc.ClientWritableStream<Buffer>
  | grpc.ClientReadableStream<Buffer>
  | grpc.ClientDuplexStream<Buffer, Buffer>;

/** Metadata are ASCII, and status messages are not. */
function asciiOf(steps: readonly Step[]): string {
  return JSON.stringify(steps).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** All of it but the time of day. */
function comparable(metadata: grpc.Metadata): Readonly<Record<string, readonly string[]>> {
  const { date: _, ...rest } = entriesOf(metadata);
  return rest;
}

export class PlayClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(address: string, options: grpc.ChannelOptions = {}) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // A connection of its own.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      ...options,
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** One call from its start to its status; never rejects. */
  async play(call: PlayCall): Promise<Seen> {
    const hash = createHash('sha256');
    let [count, bytes] = [0, 0];
    let initial: grpc.Metadata | undefined;
    let first: Buffer | undefined;
    const { stream, isOver } = this.#begin(call, (message) => {
      first ??= message;
      count += 1;
      bytes += message.length;
      hash.update(message);
      if (isReadable(stream)) call.onAnswer?.(count, stream);
    });
    // What they all are, which the types of grpc-js do not say of all of them.
    const emitter: EventEmitter = stream;
    emitter.on('metadata', (metadata: grpc.Metadata) => (initial = metadata));
    emitter.on('error', () => undefined);
    const ended = new Promise<grpc.StatusObject>((resolve) => emitter.on('status', resolve));
    if (isWritable(stream)) await send(stream, call, ended);
    const end = await ended;
    await isOver;
    return {
      initial: initial === undefined ? undefined : comparable(initial),
      answers: { count, bytes, sha256: hash.digest('hex') },
      status: end.code,
      message: end.details,
      trailers: comparable(end.metadata),
      first,
    };
  }

  /** What the backend knows of the call of this name: now or, `Report`, when it is over there. */
  ask(method: 'Look' | 'Report', name: string): Promise<PlayReport> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${PLAY_SERVICE}/${method}`,
        identity,
        identity,
        Buffer.from(name),
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(JSON.parse(answer.toString()) as PlayReport);
        },
      );
    });
  }

  /** `onMessage` is given each answer; `isOver` resolves when no more can come. */
  #begin(
    { shape, steps, metadata = [], timeoutMs, name, requests = [] }: PlayCall,
    onMessage: (message: Buffer) => void,
  ): { readonly stream: AnyStream; readonly isOver: Promise<void> } {
    const all = metadataOf(metadata);
    all.set(STEPS_NAME, asciiOf(steps));
    if (name !== undefined) all.set(CALL_NAME, name);
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const path = `/${PLAY_SERVICE}/${shape}`;
    const client = this.#client;
    const [only = Buffer.alloc(0)] = shape === 'Unary' || shape === 'Follow' ? requests : [];
    if (shape === 'Talk' || shape === 'Follow') {
      const stream =
        shape === 'Talk'
          ? client.makeBidiStreamRequest(path, identity, identity, all, options)
          : client.makeServerStreamRequest(path, identity, identity, only, all, options);
      stream.on('data', onMessage);
      // Its status comes behind its messages.
      return { stream, isOver: Promise.resolve() };
    }
    let over: () => void;
    const isOver = new Promise<void>((resolve) => (over = resolve));
    const done: grpc.requestCallback<Buffer> = (_error, answer) => {
      if (answer !== undefined) onMessage(answer);
      over();
    };
    const stream =
      shape === 'Unary'
        ? client.makeUnaryRequest(path, identity, identity, only, all, options, done)
        : client.makeClientStreamRequest(path, identity, identity, all, options, done);
    return { stream, isOver };
  }
}

function isReadable(
  stream: AnyStream,
): stream is grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer> {
  return 'pause' in stream;
}

function isWritable(
  stream: AnyStream,
): stream is grpc.ClientWritableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer> {
  return 'write' in stream;
}

/** As fast as it is taken, to the half-close, or until the call is over. */
async function send(
  stream: grpc.ClientWritableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
  { requests = [], staysOpen = false }: PlayCall,
  ended: Promise<grpc.StatusObject>,
): Promise<void> {
  const call = { isOver: false };
  void ended.then(() => (call.isOver = true));
  for (const request of requests) {
    if (call.isOver) return;
    if (stream.write(request)) continue;
    await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), ended]);
  }
  if (!staysOpen) stream.end();
}

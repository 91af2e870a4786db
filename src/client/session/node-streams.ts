import type * as streams from 'node:stream';
import type { Message, Payload, SendOptions } from '../message.js';
import { type SinkOptions, SessionSink, type SinkSession } from './session-sink.js';

/** What can be read from: a session, or a subscription. */
export interface MessageSource {
  receive(options: { readonly signal: AbortSignal }): Promise<Message | undefined>;
}

export interface ReadableStreamOptions {
  /** Gives each `Message`, instead of its bytes. Default false. */
  readonly objectMode?: boolean;
  /**
   * So much is read ahead, in bytes (`objectMode`: messages). Default 0: a message
   * is acknowledged when the stream's reader comes for more.
   */
  readonly highWaterMark?: number;
}

export interface WritableStreamOptions extends SinkOptions {
  /** Takes `OutgoingMessage`s, instead of bytes. Default false. */
  readonly objectMode?: boolean;
  /** As in node:stream. */
  readonly highWaterMark?: number;
}

/** What a stream in object mode is written: data, or data with options. */
export type OutgoingMessage = Payload | (SendOptions & { readonly data: Payload });

/** node:stream without an import: this file is part of what a browser loads, too. */
function nodeStream(method: string): Pick<typeof streams, 'Readable' | 'Writable'> {
  const { process } = globalThis as { process?: Pick<NodeJS.Process, 'getBuiltinModule'> };
  const stream = process?.getBuiltinModule('node:stream');
  if (stream === undefined)
    throw new TypeError(`${method}() needs Node.js; elsewhere there is ${webName(method)}()`);
  return stream;
}

function webName(method: string): string {
  return `web${method.charAt(0).toUpperCase()}${method.slice(1)}`;
}

/** A stream of what the source receives. Destroying it leaves the source as it is. */
export function readableOf(source: MessageSource, options: ReadableStreamOptions = {}): streams.Readable {
  const { objectMode = false, highWaterMark = 0 } = options;
  const { Readable } = nodeStream('readable');
  const stop = new AbortController();
  const next = async (): Promise<void> => {
    try {
      let message = await source.receive({ signal: stop.signal });
      // A stream of bytes takes an empty chunk for none, and would not ask again.
      while (!objectMode && message?.data.byteLength === 0)
        message = await source.receive({ signal: stop.signal });
      if (readable.destroyed) return;
      readable.push(message === undefined ? null : objectMode ? message : message.data);
    } catch (error) {
      if (!stop.signal.aborted) readable.destroy(error as Error);
    }
  };
  const readable = new Readable({
    objectMode,
    highWaterMark,
    read() {
      void next();
    },
    destroy(error, callback) {
      stop.abort();
      callback(error);
    },
  });
  return readable;
}

/** A stream into the session; it has finished when the gateway has acknowledged everything. */
export function writableOf(session: SinkSession, options: WritableStreamOptions = {}): streams.Writable {
  const { objectMode = false, highWaterMark } = options;
  const { Writable } = nodeStream('writable');
  const sink = new SessionSink(session, options, (error) => {
    writable.destroy(error as Error);
  });
  const writable = new Writable({
    objectMode,
    ...(highWaterMark !== undefined && { highWaterMark }),
    write(chunk: OutgoingMessage, _encoding, callback) {
      const { data, ...sendOptions } =
        typeof chunk === 'string' || chunk instanceof Uint8Array ? { data: chunk } : chunk;
      settle(sink.write(data, sendOptions), callback);
    },
    final(callback) {
      settle(sink.finish(), callback);
    },
    destroy(error, callback) {
      sink.abandon();
      callback(error);
    },
  });
  return writable;
}

function settle(work: Promise<void>, callback: (error?: Error | null) => void): void {
  work.then(
    () => {
      callback();
    },
    (error: unknown) => {
      callback(error as Error);
    },
  );
}

import { Readable, Writable } from 'node:stream';
import type { Payload, SendOptions } from '../message.js';
import { Session } from './session.js';
import { type SinkOptions, SessionSink } from './session-sink.js';

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

declare module './session.js' {
  interface Session {
    /**
     * What comes, as a stream of bytes for Node.js, or of messages (`objectMode`): a
     * message is acknowledged when the stream's reader comes for more. Ends with
     * the session; destroying it leaves the session open.
     */
    readable(options?: ReadableStreamOptions): Readable;

    /**
     * A stream for Node.js: each chunk is a message, or the whole stream is one
     * payload (`payload`). Takes no more than the gateway has room for; its end is
     * the session's (`end()`), and it finishes when the gateway has acknowledged
     * everything. Fails where the route fails on a chunk. Destroying it leaves the
     * session open, unless half a payload was sent.
     *
     *     await pipeline(createReadStream(file), session.writable());
     */
    writable(options?: WritableStreamOptions): Writable;
  }
}

// Sessions have them wherever this file is loaded: in Node.js, and not in a browser.
Session.prototype.readable = function (options) {
  return readableOf(this, options);
};
Session.prototype.writable = function (options) {
  return writableOf(this, options);
};

/** A stream of what the source receives. Destroying it leaves the source as it is. */
function readableOf(source: Session, options: ReadableStreamOptions = {}): Readable {
  const { objectMode = false, highWaterMark = 0 } = options;
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
function writableOf(session: Session, options: WritableStreamOptions = {}): Writable {
  const { objectMode = false, highWaterMark } = options;
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

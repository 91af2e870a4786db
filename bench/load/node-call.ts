import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

import { batchSize, encodeBatch, encodeMessage, messageSize } from '../../src/wire/codec.js';
import type { DataMessage } from '../../src/wire/messages.js';
import type { LoadOptions } from './node-options.js';

/** Length prefix of a gRPC message: a flag and four bytes of length. */
export const PREFIX_BYTES = 5;

/** A connection of its own; over TLS where an authority is given, then to `localhost`. */
export function connectTo({ addr, ca }: LoadOptions): ClientHttp2Session {
  const session =
    ca === ''
      ? connect(`http://${addr}`)
      : connect(`https://${addr}`, { ca: readFileSync(ca), servername: 'localhost' });
  session.on('error', () => {
    // Each of its streams tells.
  });
  return session;
}

/** One bidirectional gRPC call on bare node:http2, as much of it as a load generator needs. */
export class NodeCall {
  readonly #stream: ClientHttp2Stream;
  readonly #onFrame: (buffer: Buffer, start: number, end: number) => void;
  #rest: Buffer | undefined;
  /** Resolves with undefined when the status was OK, else with what went wrong. */
  readonly ended: Promise<string | undefined>;

  constructor(
    session: ClientHttp2Session,
    method: string,
    clientId: string,
    onFrame: (buffer: Buffer, start: number, end: number) => void,
    onChunkDone: () => void = () => undefined,
  ) {
    this.#onFrame = onFrame;
    this.#stream = session.request(
      {
        ':method': 'POST',
        ':path': `/sluice.v1.StreamService/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        'x-client-id': clientId,
      },
      { endStream: false },
    );
    let status: string | undefined = 'no status';
    const onHeaders = (headers: Readonly<Record<string, unknown>>): void => {
      const answer = headers[':status'];
      if (answer !== undefined && answer !== 200) {
        this.#stream.destroy(new Error(`HTTP status ${JSON.stringify(answer)}`));
        return;
      }
      const code = headers['grpc-status'];
      if (typeof code !== 'string') return;
      const message = headers['grpc-message'];
      status = code === '0' ? undefined : `status ${code}: ${typeof message === 'string' ? message : ''}`;
    };
    this.#stream.on('response', onHeaders);
    this.#stream.on('trailers', onHeaders);
    this.#stream.on('data', (chunk: Buffer) => {
      try {
        this.#split(chunk);
        onChunkDone();
      } catch (error) {
        status = String(error);
        this.#stream.destroy();
      }
    });
    this.ended = new Promise((resolve) => {
      this.#stream.on('error', (error) => {
        status = error.message;
      });
      this.#stream.on('close', () => {
        resolve(status);
      });
    });
  }

  /** Sends bytes that hold whole frames, prefixes included. */
  write(frames: Buffer): void {
    this.#stream.write(frames);
  }

  send(message: DataMessage): void {
    this.write(frameOf(message));
  }

  halfClose(): void {
    this.#stream.end();
  }

  #split(chunk: Buffer): void {
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (buffer.length - at >= PREFIX_BYTES) {
      const end = at + PREFIX_BYTES + buffer.readUInt32BE(at + 1);
      if (end > buffer.length) break;
      this.#onFrame(buffer, at + PREFIX_BYTES, end);
      at = end;
    }
    this.#rest = at < buffer.length ? buffer.subarray(at) : undefined;
  }
}

/** A DataMessage, or a batch of just this one, behind its prefix. */
export function frameOf(message: DataMessage, batched = false): Buffer {
  const size = batched ? batchSize([message]) : messageSize(message);
  const frame = Buffer.alloc(PREFIX_BYTES + size);
  frame.writeUInt32BE(size, 1);
  if (batched) encodeBatch([message], frame, PREFIX_BYTES);
  else encodeMessage(message, frame, PREFIX_BYTES);
  return frame;
}

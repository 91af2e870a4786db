import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

import { encodeMessage, messageSize } from '../../src/wire/codec.js';
import type { DataMessage } from '../../src/wire/messages.js';

/** Length prefix of a gRPC message: a flag and four bytes of length. */
const PREFIX_BYTES = 5;

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

/** A DataMessage behind its prefix. */
export function frameOf(message: DataMessage): Buffer {
  const body = new Uint8Array(messageSize(message));
  encodeMessage(message, body, 0);
  return frameAround(body);
}

/** An encoded message behind its prefix. */
export function frameAround(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

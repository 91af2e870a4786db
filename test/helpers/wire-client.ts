/**
 * gRPC by hand over node:http2, for clients that no gRPC library would be: they
 * send what is no message, read nothing, or cancel at once.
 */
import { once } from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { decodeMessage, encodedBound, encodeMessage } from '../../src/wire/codec.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';

const PREFIX_BYTES = 5;

/** A gRPC frame around any bytes. */
export function frameOf(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + body.length);
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

/** A framed DataMessage. */
export function framedMessage(fields: Partial<DataMessage>): Buffer {
  const message = dataMessage(fields);
  const body = new Uint8Array(encodedBound(message));
  return frameOf(body.subarray(0, encodeMessage(message, body, 0)));
}

/** What a call ended with. */
export interface WireEnding {
  /** The grpc-status of the trailers, or of the only headers; undefined where none came. */
  readonly grpcStatus: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** How the HTTP/2 stream was reset; 0 = it was not, or without an error. */
  readonly rstCode: number;
}

/** One HTTP/2 connection. */
export class WireClient {
  readonly session: ClientHttp2Session;

  constructor(address: string) {
    this.session = connect(`http://${address}`);
    // The end of a connection is seen where it is waited for.
    this.session.on('error', () => undefined);
  }

  /** Opens a call and reads nothing of it: flow control will stop the gateway, unless `resume` is called. */
  open(headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': '/sluice.v1.StreamService/StreamData',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => undefined);
    return stream;
  }

  /** How a call ends, whatever it carries until then. */
  async ending(stream: ClientHttp2Stream): Promise<WireEnding> {
    let last: Record<string, string | string[] | undefined> = {};
    const note = (headers: object): void => {
      last = { ...last, ...headers };
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.resume();
    if (!stream.destroyed) await once(stream, 'close');
    const status = last['grpc-status'];
    return {
      grpcStatus: status === undefined ? undefined : Number(status),
      headers: last,
      rstCode: stream.rstCode,
    };
  }

  /** Reads a call to its end: every message it brought. */
  async messages(stream: ClientHttp2Stream): Promise<DataMessage[]> {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await this.ending(stream);
    const bytes = Buffer.concat(chunks);
    const messages: DataMessage[] = [];
    for (let at = 0; at < bytes.length;) {
      const start = at + PREFIX_BYTES;
      at = start + bytes.readUInt32BE(at + 1);
      messages.push(decodeMessage(bytes, start, at));
    }
    return messages;
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

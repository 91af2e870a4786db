/** A gRPC call written by hand on node:http2, for what no gRPC library would send. */
import { once } from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';

/** One length-prefixed message. */
export function frame(body: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

export interface RawResponse {
  readonly headers: IncomingHttpHeaders;
  /** What came behind the body; undefined where there was none. */
  readonly trailers: IncomingHttpHeaders | undefined;
  /** The gRPC status, from trailers or, trailers-only, from the headers. */
  readonly status: number | undefined;
  readonly message: string | undefined;
  readonly details: Buffer | undefined;
  readonly rstCode: number;
  readonly body: Buffer;
}

export class RawCall {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Resolves when the stream has closed, however. */
  readonly response: Promise<RawResponse>;
  readonly #chunks: Buffer[] = [];
  #headers: IncomingHttpHeaders = {};
  #trailers: IncomingHttpHeaders | undefined;

  constructor(address: string, headers: Readonly<Record<string, string>> = {}) {
    this.session = connect(`http://${address}`);
    this.session.on('error', () => undefined);
    this.stream = this.session.request({
      ':method': 'POST',
      ':path': '/sluice.v1.StreamService/StreamData',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    this.stream.on('error', () => undefined);
    this.stream.on('response', (received) => {
      this.#headers = received;
    });
    this.stream.on('trailers', (received) => {
      this.#trailers = received;
    });
    this.stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
    });
    // `once` would reject with the stream's error: a reset is an answer too.
    const closed = new Promise<void>((resolve) => {
      this.stream.on('close', resolve);
    });
    this.response = closed.then(() => {
      this.session.close();
      const last = this.#trailers ?? this.#headers;
      const status = last['grpc-status'];
      const message = last['grpc-message'];
      const details = last['grpc-status-details-bin'];
      return {
        headers: this.#headers,
        trailers: this.#trailers,
        status: status === undefined ? undefined : Number(status),
        message: typeof message === 'string' ? decodeURIComponent(message) : undefined,
        details: typeof details === 'string' ? Buffer.from(details, 'base64') : undefined,
        rstCode: this.stream.rstCode,
        body: Buffer.concat(this.#chunks),
      };
    });
  }

  /** Resolves with the response headers. */
  async responded(): Promise<IncomingHttpHeaders> {
    if (this.#headers[':status'] === undefined) await once(this.stream, 'response');
    return this.#headers;
  }

  write(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  halfClose(): void {
    this.stream.end();
  }
}

/**
 * A client written by hand on node:http2, for what the client for Node.js would never do: fall silent, read nothing,
 * send garbage. Nothing is answered by itself.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type ErrorCode, errorCatalogue } from '../../src/index.js';
import { decodeMessage, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { controlMessage, dataMessage, type DataMessage, openControl } from '../../src/wire/messages.js';
import { decodeStatusDetails } from '../../src/wire/status-details.js';

/** Length prefix of a gRPC message: a flag and four bytes of length. */
const PREFIX_BYTES = 5;
const TOKEN_BYTES = 16;

/** One network connection. */
export class BadClient {
  readonly socket: Socket;
  readonly http2: ClientHttp2Session;
  readonly id: string;
  readonly #calls: BadCall[] = [];

  /** `id`: what it calls itself, so that it is found in the log. */
  constructor(address: string, id: string) {
    const [host, port] = address.split(':') as [string, string];
    this.id = id;
    this.socket = connect(Number(port), host);
    this.http2 = connectHttp2(`http://${address}`, { createConnection: () => this.socket });
    this.http2.on('error', () => {
      // Each of its calls tells.
    });
  }

  /** `host:port` of this end, by which the gateway names who has not said more. */
  get peer(): string {
    return `127.0.0.1:${this.socket.localPort}`;
  }

  /** A StreamData call; more metadata, such as `x-route`. */
  call(metadata: Readonly<Record<string, string>> = {}): BadCall {
    const cancelled = new AbortController();
    const call = new BadCall(
      this.http2.request(
        {
          ':method': 'POST',
          ':path': '/sluice.v1.StreamService/StreamData',
          'content-type': 'application/grpc',
          te: 'trailers',
          'x-client-id': this.id,
          ...metadata,
        },
        { endStream: false, signal: cancelled.signal },
      ),
      cancelled,
    );
    this.#calls.push(call);
    return call;
  }

  /** Resolves when the gateway has read all that was sent before. */
  async roundTrip(): Promise<void> {
    await new Promise((resolve) => this.http2.ping(resolve));
  }

  /** Leaves as a good client does, whatever it did before: the log is to name what was broken, and not this. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#calls.map((call) => call.leave()));
    // Not from within a callback of its stream: Node 20.20 aborts there.
    setImmediate(() => {
      this.http2.destroy();
    });
  }
}

export class BadCall {
  readonly #stream: ClientHttp2Stream;
  readonly #cancelled: AbortController;
  /** Resolves with what the gateway said at the end: code and advice, or how the stream went. */
  readonly ended: Promise<string>;
  readonly #received: DataMessage[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #look: () => void = () => undefined;

  constructor(stream: ClientHttp2Stream, cancelled: AbortController) {
    this.#stream = stream;
    this.#cancelled = cancelled;
    let last: IncomingHttpHeaders = {};
    stream.on('response', (headers) => (last = headers));
    stream.on('trailers', (headers) => (last = headers));
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    stream.on('error', () => {
      // 'close' follows.
    });
    this.ended = new Promise((resolve) => {
      stream.on('close', () => {
        resolve(endingOf(last, stream.rstCode));
        this.#look();
      });
    });
  }

  send(fields: Partial<DataMessage>): void {
    const message = dataMessage(fields);
    const body = Buffer.alloc(messageSize(message));
    encodeMessage(message, body, 0);
    this.sendBytes(body);
  }

  /** One gRPC message of any bytes. */
  sendBytes(body: Uint8Array): void {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(body.length, 1);
    this.#stream.write(Buffer.concat([prefix, body]));
  }

  open(sessionId: string, route = 'echo'): void {
    const resumeToken = Buffer.alloc(TOKEN_BYTES, sessionId);
    this.send(controlMessage(openControl({ route, resumeToken, attempt: 1 }), sessionId));
  }

  /** Resolves when the gateway has opened, or refused or ended, this session. */
  async opened(sessionId: string): Promise<void> {
    await this.#first((message) => message.sessionId === sessionId && message.control?.action === 'opened');
  }

  /** Resolves with code and advice when the gateway has ended this session, or has not opened it. */
  async closed(sessionId: string): Promise<string> {
    const { control } = await this.#first(
      (message) => message.sessionId === sessionId && message.control?.action === 'closed',
    );
    if (control?.action !== 'closed') throw new Error('no end of a session');
    return `Closed{${advised(control.code, control.retryAfterMs)}} for that session, and no other`;
  }

  /** Resolves when so many DATA messages have come. */
  async answers(count: number): Promise<void> {
    let answers = 0;
    await this.#first((message) => {
      if (message.control === undefined && message.data.length > 0) answers += 1;
      return answers === count;
    });
  }

  /** Nothing is read from now on: what the gateway sends stays in its buffers, and in those of the network. */
  stopReading(): void {
    this.#stream.pause();
  }

  /** Half-closes it, and resolves when the gateway has ended it. */
  async leave(): Promise<void> {
    this.#stream.end();
    this.#stream.resume();
    await this.ended;
  }

  /**
   * RST_STREAM(CANCEL), and nothing before it: `close` would half-close first, in a write of its own, and a gateway that
   * reads that alone sees a client that is done.
   */
  cancel(): void {
    this.#cancelled.abort();
  }

  #take(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) break;
      this.#received.push(decodeMessage(rest, PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    this.#look();
  }

  /** Looks once at each message that came and comes. */
  #first(fits: (message: DataMessage) => boolean): Promise<DataMessage> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        for (const message of this.#received.splice(0)) {
          if (!fits(message)) continue;
          this.#look = () => undefined;
          resolve(message);
          return;
        }
        if (this.#stream.closed) reject(new Error('the stream ended without what was waited for'));
      };
      this.#look();
    });
  }
}

function endingOf(headers: IncomingHttpHeaders, rstCode: number): string {
  const details = headers['grpc-status-details-bin'];
  if (typeof details === 'string') {
    const { reason = '', message, retryAfterMs = 0 } = decodeStatusDetails(Buffer.from(details, 'base64'));
    return `${advised(reason, retryAfterMs)}: ${message}`;
  }
  const status = headers['grpc-status'];
  return status === undefined ? `a reset of the stream (HTTP/2 code ${rstCode})` : `status ${String(status)}`;
}

/** A code with what the gateway advises to do next. */
function advised(code: string, retryAfterMs: number): string {
  const { retry } = errorCatalogue[code as ErrorCode];
  return `${code}, retry ${retry}${retryAfterMs === 0 ? '' : ` in ${retryAfterMs} ms or more`}`;
}

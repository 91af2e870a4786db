import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GrpcStatus } from '../../../src/core/errors.js';
import { BodyReader, encodeBodies } from '../../../src/transport/bodies.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../../../src/transport/framing.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { decodeStatusDetails } from '../../../src/wire/status-details.js';
import { frame } from '../../helpers/raw-http2-call.js';
import type { Connection, Ending } from './target.js';

const PREFIX_BYTES = 5;
const MESSAGES_AT_A_TIME = 1024;

/** What gRPC makes of a reset without trailers (grpc/doc/statuscodes.md, PROTOCOL-HTTP2.md). */
const STATUS_OF_RESET: Readonly<Record<number, number>> = {
  7: GrpcStatus.UNAVAILABLE,
  8: GrpcStatus.CANCELLED,
  11: GrpcStatus.RESOURCE_EXHAUSTED,
};

/**
 * One gRPC call on a network connection of its own, spoken over node:http2: a
 * gRPC library would neither reset its socket nor say what it received of a
 * call that it has given up.
 */
export class Http2Connection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #method: StreamMethod;
  readonly #changed: () => void;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #bodies: BodyReader;
  #unread: Buffer = Buffer.alloc(0);
  #last: Readonly<Record<string, string | string[] | undefined>> = {};
  #error: Error | undefined;

  /** `url`: `http://host:port`, or https. */
  constructor(
    url: string,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ) {
    this.#method = method;
    this.#changed = changed;
    this.#bodies = new BodyReader(RESPONSE_FRAMING[method]);
    const { protocol, hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    this.#socket =
      protocol === 'https:'
        ? connectTls({ host, port: Number(port), ALPNProtocols: ['h2'], servername: host })
        : connectTcp({ host, port: Number(port), noDelay: true });
    this.#session = connect(url, { createConnection: () => this.#socket });
    const failed = (error: Error): void => {
      this.#error ??= error;
    };
    this.#socket.on('error', failed);
    this.#session.on('error', failed);
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': `/sluice.v1.StreamService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    });
    const noted = (headers: Readonly<Record<string, string | string[] | undefined>>): void => {
      this.#last = { ...this.#last, ...headers };
    };
    this.#stream.on('response', noted);
    this.#stream.on('trailers', noted);
    this.#stream.on('error', failed);
    this.#stream.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    this.#stream.on('close', () => {
      this.#end();
    });
  }

  send(messages: readonly DataMessage[]): void {
    for (const body of encodeBodies(REQUEST_FRAMING[this.#method], messages, 5 << 20)) this.sendBody(body);
  }

  sendBody(body: Uint8Array): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(frame(body));
  }

  halfClose(): void {
    this.#stream.end();
  }

  break(): void {
    // A reset waits for a connection that is still being made, and leaks the handle of one that was shut down before
    // (libuv refuses it): those are just closed.
    if (this.#socket.connecting || this.#socket.writableEnded) this.#socket.destroy();
    else if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
    if (!this.#session.destroyed) this.#session.destroy();
  }

  stopReading(): void {
    this.#stream.pause();
  }

  startReading(): void {
    this.#stream.resume();
  }

  #read(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < PREFIX_BYTES) break;
      const end = PREFIX_BYTES + this.#unread.readUInt32BE(1);
      if (this.#unread.length < end) break;
      this.#bodies.push(this.#unread.subarray(PREFIX_BYTES, end));
      this.#unread = this.#unread.subarray(end);
      this.#decode();
    }
    this.#changed();
  }

  #decode(): void {
    const messages: DataMessage[] = [];
    do {
      messages.length = 0;
      const unreadable = this.#bodies.fill(messages, MESSAGES_AT_A_TIME);
      if (unreadable !== undefined) this.#error ??= unreadable;
      this.received.push(...messages);
    } while (messages.length > 0);
  }

  #end(): void {
    this.#session.close();
    const { ['grpc-status']: status, 'grpc-message': text, 'grpc-status-details-bin': bytes } = this.#last;
    const details = typeof bytes === 'string' ? decodeStatusDetails(Buffer.from(bytes, 'base64')) : undefined;
    this.ending = {
      status:
        status === undefined
          ? (STATUS_OF_RESET[this.#stream.rstCode] ?? GrpcStatus.UNAVAILABLE)
          : Number(status),
      reason: details?.reason ?? '',
      message: typeof text === 'string' ? decodeURIComponent(text) : (this.#error?.message ?? ''),
      retryAfterMs: details?.retryAfterMs,
    };
    this.#changed();
  }
}

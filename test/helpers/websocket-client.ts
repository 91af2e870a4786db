/** A client of the `ws` library that speaks one of our subprotocols, and reads until it is told not to. */
import { WebSocket, type ClientOptions } from 'ws';
import { errorCatalogue, GrpcStatus, type ErrorCode } from '../../src/core/errors.js';
import { encodeBodies, BodyReader } from '../../src/transport/bodies.js';
import type { ServedMethod } from '../../src/transport/contract.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../../src/transport/framing.js';
import { batchFromJson, batchToJson, messageFromJson, messageToJson } from '../../src/wire/json-codec.js';
import { controlMessage, type DataMessage } from '../../src/wire/messages.js';

export type Subprotocol = 'sluice.v1.proto' | 'sluice.v1.json';

const PATHS: Readonly<Record<ServedMethod, string>> = {
  StreamData: '/v1/stream',
  StreamBatches: '/v1/batches',
  Publish: '/v1/publish',
  Subscribe: '/v1/subscribe',
  Ingest: '/v1/ingest',
};

export interface WebSocketCallOptions {
  readonly method?: ServedMethod;
  readonly subprotocol?: Subprotocol;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Offered beside the subprotocol. */
  readonly offers?: readonly string[];
  /** With authorities of its own (`ca`) it speaks TLS. */
  readonly options?: ClientOptions;
}

/** How it ended, in the terms of gRPC, and as the Close said it. */
export interface WebSocketEnd {
  readonly status: number;
  /** The catalogue code; "" where there was none. */
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  readonly closeCode: number;
  readonly closeReason: string;
}

/** `CODE: sentence`, or `CODE (retry after 5000 ms): sentence`. */
const REASON = /^([A-Z_]+)(?: \(retry after (\d+) ms\))?: (.*)$/su;

export class WebSocketCall {
  readonly ws: WebSocket;
  readonly ended: Promise<WebSocketEnd>;
  /** Told of each message that comes, and of the end. */
  onMessage: ((message: DataMessage) => void) | undefined;
  readonly #method: ServedMethod;
  readonly #isJson: boolean;
  readonly #unsent: (() => void)[] = [];
  /** An Error of the connection may be the last word: it is known when the next thing comes. */
  #lastWords: DataMessage | undefined;
  #left = false;

  constructor(address: string, options: WebSocketCallOptions = {}) {
    const { method = 'StreamData', subprotocol = 'sluice.v1.proto', metadata, offers = [] } = options;
    this.#method = method;
    this.#isJson = subprotocol === 'sluice.v1.json';
    const scheme = options.options?.ca === undefined ? 'ws' : 'wss';
    this.ws = new WebSocket(`${scheme}://${address}${PATHS[method]}`, [subprotocol, ...offers], {
      perMessageDeflate: false,
      headers: { ...metadata },
      ...options.options,
    });
    this.ws.on('open', () => {
      for (const send of this.#unsent.splice(0)) send();
    });
    this.ws.on('message', (body: Buffer) => {
      this.#read(body);
    });
    this.ws.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => {
        resolve(this.#endOf(code, reason.toString()));
      });
    });
  }

  send(messages: readonly DataMessage[]): void {
    if (!this.#isJson) {
      for (const body of encodeBodies(REQUEST_FRAMING[this.#method], messages, 5 << 20)) this.sendRaw(body);
    } else if (this.#method === 'StreamBatches') this.sendRaw(batchToJson(messages));
    else for (const message of messages) this.sendRaw(messageToJson(message));
  }

  /** One WebSocket message: text where it is a string. */
  sendRaw(body: Uint8Array | string): void {
    this.#whenOpen(() => {
      this.ws.send(body);
    });
  }

  /** Of Publish and Subscribe the request is one. */
  halfClose(): void {
    if (REQUEST_FRAMING[this.#method] !== 'request') this.send([controlMessage({ action: 'close' })]);
  }

  close(code = 1000): void {
    this.#left = true;
    this.#whenOpen(() => {
      this.ws.close(code);
    });
  }

  break(): void {
    this.ws.terminate();
  }

  stopReading(): void {
    this.#whenOpen(() => {
      this.ws.pause();
    });
  }

  startReading(): void {
    this.#whenOpen(() => {
      this.ws.resume();
    });
  }

  #whenOpen(act: () => void): void {
    if (this.ws.readyState === WebSocket.CONNECTING) this.#unsent.push(act);
    else act();
  }

  #read(body: Buffer): void {
    for (const message of this.#decode(body)) {
      if (this.#lastWords !== undefined) this.onMessage?.(this.#lastWords);
      this.#lastWords = undefined;
      if (message.control?.action === 'error' && message.sessionId === '') this.#lastWords = message;
      else this.onMessage?.(message);
    }
  }

  #decode(body: Buffer): readonly DataMessage[] {
    if (this.#isJson) {
      const text = body.toString();
      return this.#method === 'StreamBatches' ? batchFromJson(text) : [messageFromJson(text)];
    }
    const reader = new BodyReader(RESPONSE_FRAMING[this.#method]);
    const messages: DataMessage[] = [];
    reader.push(body);
    const unreadable = reader.fill(messages, Infinity);
    if (unreadable !== undefined) throw unreadable;
    return messages;
  }

  #endOf(closeCode: number, closeReason: string): WebSocketEnd {
    const close = { closeCode, closeReason };
    if (this.#left) {
      return { status: GrpcStatus.CANCELLED, reason: '', message: '', retryAfterMs: undefined, ...close };
    }
    const said = REASON.exec(closeReason);
    if (said === null) {
      const last = this.#lastWords;
      if (last !== undefined) this.onMessage?.(last);
      const status = closeCode === 1000 ? GrpcStatus.OK : GrpcStatus.UNAVAILABLE;
      return { status, reason: '', message: closeReason, retryAfterMs: undefined, ...close };
    }
    const control = this.#lastWords?.control;
    const words = control?.action === 'error' && control.code === said[1] ? control : undefined;
    const [, reason = '', wait, sentence = ''] = said;
    return {
      status: errorCatalogue[reason as ErrorCode].grpcStatus,
      reason,
      message: words?.message ?? sentence,
      retryAfterMs: wait === undefined ? undefined : Number(wait),
      ...close,
    };
  }
}

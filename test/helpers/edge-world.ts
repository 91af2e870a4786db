/** A gateway with its HTTP edge, and what plain HTTP says to it. */
import { connect, type Socket } from 'node:net';
import { SystemClock } from '../../src/core/clock.js';
import { EventStreamParser, type ParsedEvent } from './event-stream-parser.js';
import { type GatewayUnderTest, type Settings, startGateway } from './gateway.js';

/** The route `news`, whose subjects are topics. */
const NEWS = JSON.stringify({ echo: { kind: 'echo' }, news: { kind: 'topic' } });

export function startEdge(settings: Settings = {}, clock = new SystemClock()): Promise<GatewayUnderTest> {
  return startGateway({ 'edge.enabled': true, routes: NEWS, ...settings }, {}, clock);
}

/** An event stream that is followed; read as it comes. */
export class Following implements AsyncDisposable {
  readonly response: Response;
  readonly parser = new EventStreamParser();
  readonly #abort: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #read = 0;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  /** Follows; the first block has come. */
  static async at(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Following> {
    const abort = new AbortController();
    const response = await fetch(url, { headers, signal: abort.signal });
    const following = new Following(response, abort);
    if (response.status === 200) await following.#until(() => following.parser.lastEventId !== '');
    return following;
  }

  /** The next event. */
  async next(): Promise<ParsedEvent> {
    await this.#until(() => this.parser.events.length > this.#read);
    return this.parser.events[this.#read++] as ParsedEvent;
  }

  /** Reads to the end of the stream. */
  async ended(): Promise<readonly ParsedEvent[]> {
    await this.#until(() => false);
    return this.parser.events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reader.closed.catch(() => undefined);
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) {
      const { value, done: over } = await this.#reader.read();
      if (over) return;
      this.parser.push(value);
    }
  }
}

/** A connection that says exactly these bytes. */
export class RawHttp implements AsyncDisposable {
  readonly socket: Socket;
  text = '';
  readonly closed: Promise<string>;
  #heard: () => void = () => undefined;

  /** To a base URL, or to `unix:/path`. */
  constructor(base: string) {
    const { protocol, hostname, port, pathname } = new URL(base);
    this.socket = connect(protocol === 'unix:' ? { path: pathname } : { host: hostname, port: Number(port) });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
      this.#heard();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.#heard();
        resolve(this.text);
      });
    });
  }

  say(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Until what has come matches. */
  async heard(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.closed) throw new Error(`closed, after: ${this.text}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

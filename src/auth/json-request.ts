import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

import type { Clock } from '../core/clock.js';

/**
 * Why there is no answer. `aborted`: whoever asked is gone; `busy`: more at a
 * time than `maxSockets`; `closed`: this end has closed.
 */
export type RequestFault =
  'aborted' | 'busy' | 'closed' | 'not-json' | 'timeout' | 'too-large' | 'unreachable';

/** Its message is for a log: it names the origin, never the path, the query, a header or a part of what was sent. */
export class JsonRequestError extends Error {
  override readonly name = 'JsonRequestError';
  readonly fault: RequestFault;

  constructor(fault: RequestFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

export interface JsonRequestsOptions {
  readonly clock: Clock;
  /** For a whole exchange: name, connection, TLS, request and answer. */
  readonly timeoutMs: number;
  /** Of an answer's content. */
  readonly maxResponseBytes: number;
  /** Exchanges at a time, and connections kept for the next one; one exchange more is refused at once. */
  readonly maxSockets: number;
}

export interface JsonRequest {
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  /** Of an answer of success (2xx), which has to be JSON; undefined with any other status. */
  readonly json: unknown;
}

/** A kept connection is closed when nothing used it for so long: before what lies between forgets it. */
const KEEP_IDLE_MS = 30_000;
/** A fault's own words, of the platform or of the other side's certificate, are cut here. */
const MAX_REASON = 200;

/**
 * JSON over HTTP(S) for a few known addresses: bounded in time, size and
 * number. Redirects are not followed. An exchange may be sent twice: once more
 * when a kept connection turns out to have been closed by the other side. Built
 * on `node:http`, since the sockets of `fetch` can't be closed with their owner.
 */
export class JsonRequests {
  readonly #options: JsonRequestsOptions;
  readonly #underWay = new Set<Exchange>();
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  #closed = false;

  constructor(options: JsonRequestsOptions) {
    this.#options = options;
    // The bound is kept here, not by the agents: their line of waiting requests outlives their closing.
    const kept = { keepAlive: true, maxFreeSockets: options.maxSockets, timeout: KEEP_IDLE_MS };
    this.#http = new HttpAgent(kept);
    this.#https = new HttpsAgent(kept);
  }

  /** Rejects with a JsonRequestError. */
  request(url: URL | string, request: JsonRequest = {}): Promise<JsonAnswer> {
    const target = typeof url === 'string' ? new URL(url) : url;
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new JsonRequestError('closed', `${target.origin} is not asked any more.`);
      if (request.signal?.aborted === true) throw aborted(target);
      if (this.#underWay.size >= this.#options.maxSockets) {
        throw new JsonRequestError(
          'busy',
          `${target.origin} is asked ${this.#underWay.size} things already.`,
        );
      }
      const exchange = new Exchange(target, request, this.#options, (outcome) => {
        this.#underWay.delete(exchange);
        if (outcome instanceof JsonRequestError) reject(outcome);
        else resolve(outcome);
      });
      this.#underWay.add(exchange);
      exchange.start(target.protocol === 'https:' ? this.#https : this.#http);
    });
  }

  /** Exchanges under way. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Ends what is under way, `closed`, and every connection. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const exchange of this.#underWay) exchange.close();
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** One question and its answer, over one connection or, where a kept one was dead, two. */
class Exchange {
  readonly #url: URL;
  readonly #asked: JsonRequest;
  readonly #options: JsonRequestsOptions;
  readonly #body: string | undefined;
  readonly #done: (outcome: JsonAnswer | JsonRequestError) => void;
  #request: ClientRequest | undefined;
  #ended = false;
  readonly #stopTimer: () => void;
  readonly #onAbort = (): void => {
    this.#end(aborted(this.#url));
  };

  constructor(
    url: URL,
    asked: JsonRequest,
    options: JsonRequestsOptions,
    done: (outcome: JsonAnswer | JsonRequestError) => void,
  ) {
    this.#url = url;
    this.#asked = asked;
    this.#options = options;
    this.#done = done;
    this.#body = asked.body === undefined ? undefined : JSON.stringify(asked.body);
    const timer = options.clock.setTimeout(() => {
      this.#fail('timeout', `did not answer within ${options.timeoutMs} ms`);
    }, options.timeoutMs);
    this.#stopTimer = () => {
      timer.cancel();
    };
    asked.signal?.addEventListener('abort', this.#onAbort);
  }

  /** `agent` false: over a connection of its own. */
  start(agent: HttpAgent | false): void {
    const body = this.#body;
    const options = {
      agent,
      method: this.#asked.method ?? 'GET',
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
        ...this.#asked.headers,
      },
    };
    let request: ClientRequest;
    try {
      request = (this.#url.protocol === 'https:' ? httpsRequest : httpRequest)(this.#url, options);
    } catch (error) {
      this.#fail('unreachable', `can't be asked: ${reasonOf(error)}`);
      return;
    }
    this.#request = request;
    let answered = false;
    request.on('response', (response) => {
      answered = true;
      this.#read(response);
    });
    request.on('error', (error) => {
      // A destroyed request still says so; it is nobody's any more.
      if (this.#ended || request !== this.#request) return;
      if (request.reusedSocket && !answered && agent !== false && isReset(error)) this.start(false);
      else this.#fail('unreachable', `can't be reached: ${reasonOf(error)}`);
    });
    request.on('close', () => {
      // An answer that ends with its connection is read to its end after this.
      if (request === this.#request && !answered) {
        this.#fail('unreachable', 'closed the connection without an answer');
      }
    });
    request.end(body);
  }

  close(): void {
    this.#fail('closed', 'is not asked any more');
  }

  #read(response: IncomingMessage): void {
    const { maxResponseBytes } = this.#options;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const tooLarge = (): void => {
      this.#fail('too-large', `answered with more than ${maxResponseBytes} bytes`);
    };
    response.on('error', (error) => {
      this.#fail('unreachable', `broke off its answer: ${reasonOf(error)}`);
    });
    if (Number(response.headers['content-length'] ?? 0) > maxResponseBytes) {
      tooLarge();
      return;
    }
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) tooLarge();
      else chunks.push(chunk);
    });
    response.on('end', () => {
      this.#answer(response.statusCode ?? 0, Buffer.concat(chunks));
    });
  }

  #answer(status: number, content: Buffer): void {
    if (status < 200 || status > 299) {
      this.#end({ status, json: undefined });
      return;
    }
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
    } catch {
      // Why it does not parse would quote what was sent.
      this.#fail('not-json', `answered ${status} with something that is not JSON`);
      return;
    }
    this.#end({ status, json });
  }

  #fail(fault: RequestFault, what: string): void {
    this.#end(new JsonRequestError(fault, `${this.#url.origin} ${what}.`));
  }

  #end(outcome: JsonAnswer | JsonRequestError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#asked.signal?.removeEventListener('abort', this.#onAbort);
    // After a whole answer the connection is kept for the next question.
    if (outcome instanceof JsonRequestError) this.#request?.destroy();
    this.#done(outcome);
  }
}

function aborted(url: URL): JsonRequestError {
  return new JsonRequestError('aborted', `Whoever asked ${url.origin} is gone.`);
}

function isReset(error: Error & { readonly code?: unknown }): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

function reasonOf(error: unknown): string {
  // Where a name has several addresses, each failed for a reason of its own; the first will do.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const text = first instanceof Error ? first.message : String(first);
  return text.slice(0, MAX_REASON).replace(/\p{C}/gu, ' ');
}

/** An issuer's key server on loopback, that can do all that such servers do. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TokenKey } from './tokens.js';

export type Answerer = (request: IncomingMessage, response: ServerResponse) => void;

/** Status 200 and this text, whatever it is. */
export function answerText(text: string, headers: Readonly<Record<string, string>> = {}): Answerer {
  return (_request, response) => response.writeHead(200, headers).end(text);
}

export function answerKeys(...keys: readonly (TokenKey | Readonly<Record<string, unknown>>)[]): Answerer {
  const jwks = keys.map((key) => ('jwk' in key ? key.jwk : key));
  return answerText(JSON.stringify({ keys: jwks }), { 'content-type': 'application/json' });
}

export class JwksServer {
  /** What it does from the next request on. */
  answer: Answerer = answerKeys();
  /** Requests that have arrived. */
  requests = 0;
  #server: Server | undefined;
  #port = 0;
  readonly #arrivals: { readonly count: number; readonly tell: () => void }[] = [];

  static async start(answer: Answerer): Promise<JwksServer> {
    const server = new JwksServer();
    server.answer = answer;
    await server.appear();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/realm/keys?tenant=secret-tenant`;
  }

  /** At the address it had before, if it had one. */
  async appear(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      for (const arrival of this.#arrivals) if (arrival.count <= this.requests) arrival.tell();
      this.answer(request, response);
    });
    // What closes a connection that is kept is the other side.
    this.#server.keepAliveTimeout = 0;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** With all its connections. */
  async disappear(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** Resolves when so many requests have arrived in all. */
  async arrived(count: number): Promise<void> {
    if (this.requests >= count) return;
    await new Promise<void>((tell) => {
      this.#arrivals.push({ count, tell });
    });
  }

  /** Connections that are open, used or not. */
  async connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server?.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }
}

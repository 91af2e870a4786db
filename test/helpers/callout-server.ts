import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/**
 * What the service does with a question: answers, closes the connection, is
 * silent until the server closes, breaks its answer off, or sends without end.
 */
export type CalloutReply =
  | { readonly json: unknown; readonly status?: number }
  | { readonly text: string; readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
  | 'close'
  | 'silence'
  | 'half'
  | 'endless';

/** docs/authorization-callout.md */
interface QuestionBody {
  readonly version: number;
  readonly event: string;
  readonly node: string;
  readonly peer: string;
  readonly client: { readonly id: string; readonly method: string; readonly class: string };
  readonly session?: string;
  readonly route?: string;
  readonly subject?: string;
}

export interface ReceivedQuestion {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: QuestionBody;
}

type Decide = (question: ReceivedQuestion) => CalloutReply | Promise<CalloutReply>;

/** An authorization service on loopback, as well or badly behaved as a test wants. Allows everything by default. */
export class CalloutServer implements AsyncDisposable {
  readonly received: ReceivedQuestion[] = [];
  /** The most questions that were under way at once. */
  mostUnderWay = 0;
  decide: Decide = () => ({ json: { allow: true } });
  #underWay = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    this.#underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    response.on('close', () => {
      this.#underWay -= 1;
      this.#notify();
    });
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      const body = JSON.parse(Buffer.concat(chunks).toString()) as QuestionBody;
      const question = { method, path, headers, body };
      this.received.push(question);
      this.#notify();
      void Promise.resolve(this.decide(question)).then((reply) => {
        send(response, reply);
      });
    });
  });
  readonly #watchers = new Set<() => void>();

  static async start(decide?: Decide): Promise<CalloutServer> {
    const server = new CalloutServer();
    if (decide !== undefined) server.decide = decide;
    server.#server.on('connection', (socket) => {
      server.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        server.#sockets.delete(socket);
        server.#notify();
      });
    });
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/decide`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Asked and not yet answered, or given up. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves when so many questions have come in all. */
  async untilReceived(count: number): Promise<void> {
    await this.until(() => this.received.length >= count);
  }

  /** Resolves when it holds; looked at whenever a question comes or ends, or a connection closes. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const watcher = () => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#sockets.size > 0) await once(this.#server, 'close');
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

function send(response: ServerResponse, reply: CalloutReply): void {
  if (response.destroyed || reply === 'silence') return;
  if (reply === 'close') response.destroy();
  else if (reply === 'half') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"allow": true', () => response.destroy());
  } else if (reply === 'endless') {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  } else if ('json' in reply) {
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(reply.json));
  } else {
    response.writeHead(reply.status ?? 200, reply.headers);
    response.end(reply.text);
  }
}

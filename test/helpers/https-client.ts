/** A client of HTTPS with one connection, which it keeps. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import type { CertificatePair, TestAuthority } from './certificates.js';

export interface ClientTls {
  readonly ca: string;
  readonly servername: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Of a client that trusts this authority and shows a certificate, or none. */
export function clientTls(authority: TestAuthority, shown?: CertificatePair): ClientTls {
  return { ca: authority.cert, servername: 'localhost', ...shown };
}

export interface HttpsAnswer {
  readonly status: number | undefined;
  /** The code and the sentence of one that is an error. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** The common name in the certificate of who answered. */
  readonly server: string;
  /** The client's end of the connection that it came by. */
  readonly localPort: number | undefined;
}

export class HttpsClient implements Disposable {
  readonly #port: number;
  readonly #agent: Agent;

  constructor(port: number, tls: ClientTls) {
    this.#port = port;
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
  }

  /** Rejects where there is no answer. */
  async post(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpsAnswer> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: '127.0.0.1', port: this.#port, path, method: 'POST', headers, agent: this.#agent })
        .on('response', resolve)
        .on('error', reject)
        .end('x');
    });
    const { socket } = response;
    if (!(socket instanceof TLSSocket)) throw new Error('an answer without TLS');
    const server = String(socket.getPeerCertificate().subject.CN);
    const { localPort } = socket;
    const { error } = JSON.parse(await text(response)) as Pick<HttpsAnswer, 'error'>;
    return { status: response.statusCode, error, server, localPort };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

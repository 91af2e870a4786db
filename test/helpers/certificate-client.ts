/** A client of node:http2 over TLS that shows a certificate, or none, and opens streams. */
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import * as tls from 'node:tls';
import type { TestContext } from 'vitest';
import type { CertificatePair, TestAuthority } from './certificates.js';

export interface CertificateClientOptions extends CertificateClientTls {
  readonly port: number;
  /** Whom the client trusts. */
  readonly authority: TestAuthority;
}

interface CertificateClientTls {
  readonly pair?: CertificatePair | undefined;
  readonly version?: tls.SecureVersion;
  /** Of an earlier connection, to be resumed. */
  readonly session?: Buffer;
}

/** A TLS connection, secure as far as the client knows; destroyed when the test ends. */
export async function connectSecurely(
  context: TestContext,
  { port, authority, pair, version, session }: CertificateClientOptions,
): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.cert,
    ALPNProtocols: ['h2'],
    ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }),
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(session === undefined ? {} : { session }),
  });
  context.onTestFinished(async () => {
    if (socket.closed) return;
    socket.destroy();
    await once(socket, 'close');
  });
  // What is refused ends in a reset, sooner or later.
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

export class CertificateClient {
  readonly socket: tls.TLSSocket;
  readonly #http2: ClientHttp2Session;

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    this.#http2 = connectHttp2('https://localhost', { createConnection: () => socket });
    this.#http2.on('error', () => undefined);
  }

  static async connect(context: TestContext, options: CertificateClientOptions): Promise<CertificateClient> {
    return new CertificateClient(await connectSecurely(context, options));
  }

  openStream(): ClientHttp2Stream {
    const stream = this.#http2.request({
      ':method': 'POST',
      ':path': '/sluice.v1.StreamService/StreamData',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.resume();
    return stream;
  }

  /** The network fails. */
  break(): void {
    this.socket.destroy();
  }
}

import type { Http2Session } from 'node:http2';

import type { ClientCertificate } from '../../core/credentials.js';

/** What the client of each connection has shown, where it has shown any and TLS has verified it. */
const certificates = new WeakMap<Http2Session, ClientCertificate>();

/**
 * Notes whose connection it is, for its streams to learn. Noted once, before the
 * first stream: the socket below would tell nothing any more once it has closed.
 */
export function setConnectionCertificate(session: Http2Session, certificate: ClientCertificate): void {
  certificates.set(session, certificate);
}

/** The certificate its client has shown; undefined where it has shown none. */
export function connectionCertificateOf(session: Http2Session | undefined): ClientCertificate | undefined {
  return session === undefined ? undefined : certificates.get(session);
}

import { isIP } from 'node:net';
import type { Identity } from '../core/identity.js';
import { peerHost } from '../core/peer-host.js';
import type { ProxiedStream, RelayedHeaders } from '../transport/proxy-contract.js';

/**
 * What a backend is told of who is calling, in the place of what the client
 * said under these names: the verified ID and class, and where the call came
 * from, behind whatever was said before. The last address is always the
 * gateway's word, so that nobody's claim can stand where it is believed.
 */
export function callerHeaders({ headers, peer }: ProxiedStream, identity: Identity): RelayedHeaders {
  const way = [...valuesOf(headers, 'x-forwarded-for'), addressOf(peer)];
  return [
    ['x-client-id', headerValue(identity.clientId)],
    ['x-client-class', headerValue(identity.clientClass)],
    ['x-forwarded-for', way.join(', ')],
  ];
}

/** The first header of a name. */
export function headerOf(headers: RelayedHeaders, name: string): string | undefined {
  return headers.find(([each]) => each === name)?.[1];
}

function valuesOf(headers: RelayedHeaders, name: string): string[] {
  return headers.filter(([each]) => each === name).map(([, value]) => value);
}

/** "unknown" of whoever has none, on a Unix socket for example (RFC 7239 section 6.2). */
function addressOf(peer: string): string {
  const host = peerHost(peer);
  return isIP(host) === 0 ? 'unknown' : host;
}

/** IDs are any printable text, a header is visible ASCII: the rest is percent-encoded, and the percent sign with it (RFC 3986 section 2.1). */
function headerValue(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/g, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

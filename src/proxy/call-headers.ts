import type { Identity } from '../core/identity.js';
import type { ProxiedStream, RelayedHeaders } from '../transport/proxy-contract.js';

/**
 * What a backend is told of who is calling, in the place of what the client
 * said under these names: the verified ID and class, and where the call came
 * from, behind whatever proxies before this one have said.
 */
export function callerHeaders({ headers, peer }: ProxiedStream, identity: Identity): RelayedHeaders {
  const before = valuesOf(headers, 'x-forwarded-for');
  const host = hostOf(peer);
  const way = host === undefined ? before : [...before, host];
  return [
    ['x-client-id', headerValue(identity.clientId)],
    ['x-client-class', headerValue(identity.clientClass)],
    ...(way.length > 0 ? [['x-forwarded-for', way.join(', ')] as const] : []),
  ];
}

/** The first header of a name. */
export function headerOf(headers: RelayedHeaders, name: string): string | undefined {
  return headers.find(([each]) => each === name)?.[1];
}

function valuesOf(headers: RelayedHeaders, name: string): string[] {
  return headers.filter(([each]) => each === name).map(([, value]) => value);
}

/** Without the port; undefined for a Unix socket. */
function hostOf(peer: string): string | undefined {
  const colon = peer.lastIndexOf(':');
  return colon < 0 ? undefined : peer.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
}

/** IDs are any printable text, a header is visible ASCII: the rest is percent-encoded, and the percent sign with it (RFC 3986 section 2.1). */
function headerValue(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/g, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

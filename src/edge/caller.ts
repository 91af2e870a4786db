import type { IncomingMessage } from 'node:http';
import type { ClientCertificate } from '../core/credentials.js';
import { headerText } from './header-text.js';
import { invalid } from './refusal.js';

/** Who is at the other end of a connection. */
export interface Peer {
  /** `host:port`, or "unix". */
  readonly peer: string;
  readonly certificate: ClientCertificate | undefined;
}

/** Headers that are metadata of the call. */
const HEADERS = ['authorization', 'x-client-id', 'user-agent', 'traceparent', 'tracestate'] as const;

/**
 * The metadata of a call: of the headers those that mean something, and what
 * the query says in their place. A header goes before the query; a token in the
 * query is taken only where `edge.queryToken` allows it. Throws a Refusal.
 */
export function callMetadata(
  { headers }: Pick<IncomingMessage, 'headers'>,
  query: Readonly<Record<string, unknown>>,
  queryToken: boolean,
): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const name of HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') metadata.set(name, headerText(name, value));
  }
  const { client_id: clientId, access_token: token } = query;
  if (typeof clientId === 'string' && !metadata.has('x-client-id')) metadata.set('x-client-id', clientId);
  if (typeof token !== 'string') return metadata;
  if (!queryToken) {
    throw invalid(
      'a token in the query (access_token) is not taken here: send it as header authorization, or set edge.queryToken',
    );
  }
  if (!metadata.has('authorization')) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

import type { IncomingHttpHeaders } from 'node:http';
import { SluiceError } from '../../core/errors.js';
import { quoted } from '../../core/printable.js';
import { utf8Header } from '../net/utf8-header.js';

/**
 * Headers of HTTP, and of the handshake: no metadata of the application.
 * Cookies are none either: a browser adds them by itself, whoever made the page
 * that opened the WebSocket, so they say nothing that could be relied on.
 */
const RESERVED = new Set(['connection', 'content-length', 'cookie', 'host', 'keep-alive', 'te', 'upgrade']);

/** What may be said in the query, for clients that can set no header; a header goes first. */
const BY_QUERY: readonly (readonly [parameter: string, name: string])[] = [
  ['client_id', 'x-client-id'],
  ['route', 'x-route'],
  ['subject', 'x-subject'],
];
/** What is asked for by name: garbled, it would be another's. */
const NAMES: ReadonlySet<string> = new Set(BY_QUERY.map(([, name]) => name));

/** Request metadata as `TransportStream` shows it. @throws SluiceError INVALID_MESSAGE for a name that is not UTF-8 */
export function metadataOf(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
  token: string | undefined,
): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || RESERVED.has(name) || name.startsWith('sec-websocket-')) continue;
    metadata.set(name, textOf(name, typeof value === 'string' ? value : value.join(', ')));
  }
  for (const [parameter, name] of BY_QUERY) {
    const value = query.get(parameter);
    if (value !== null && !metadata.has(name)) metadata.set(name, value);
  }
  if (token !== undefined && !metadata.has('authorization')) {
    metadata.set('authorization', `Bearer ${token}`);
  }
  return metadata;
}

function textOf(name: string, value: string): string {
  const text = utf8Header(value);
  if (text !== undefined) return text;
  // Any other may be of a proxy on the way: no reason to refuse anybody.
  if (!NAMES.has(name)) return value;
  throw new SluiceError('INVALID_MESSAGE', `header ${name} is not UTF-8: ${quoted(value)}`);
}

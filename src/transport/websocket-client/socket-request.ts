import type { CallMetadata } from '../client-contract.js';
import type { ServedMethod } from '../contract.js';
import type { SocketAddress } from './socket-address.js';

/** The messages are protobuf (docs/websocket.md). */
export const PROTOCOL = 'sluice.v1.proto';
/** Offered beside it, and never chosen: what is behind it is a token. A page can set no header. */
const BEARER_PROTOCOL = 'sluice.v1.bearer.';

const PATHS: Readonly<Record<ServedMethod, string>> = {
  StreamData: '/v1/stream',
  StreamBatches: '/v1/batches',
  Publish: '/v1/publish',
  Subscribe: '/v1/subscribe',
  Ingest: '/v1/ingest',
};

/** What the query says of the metadata. */
const QUERY: Readonly<Record<string, string>> = {
  'x-client-id': 'client_id',
  'x-route': 'route',
  'x-subject': 'subject',
};

const BEARER = /^Bearer (.+)$/i;

export interface SocketRequest {
  readonly url: string;
  readonly protocols: string[];
}

/** What a WebSocket asks for; the metadata is one that can be shown. */
export function socketRequest(
  address: SocketAddress,
  method: ServedMethod,
  metadata: CallMetadata,
): SocketRequest {
  const query = new URLSearchParams();
  const protocols = [PROTOCOL];
  for (const [name, value] of Object.entries(metadata)) {
    const parameter = QUERY[name];
    if (parameter !== undefined) query.set(parameter, value);
    const token = name === 'authorization' ? BEARER.exec(value)?.[1] : undefined;
    if (token !== undefined) protocols.push(BEARER_PROTOCOL + base64Url(token));
  }
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  return { url: address + PATHS[method] + search, protocols };
}

/** Whether request metadata of this name, and value, has a place in what a page can ask for. */
export function canBeShown(name: string, value: string): boolean {
  return name === 'authorization' ? BEARER.test(value) : Object.hasOwn(QUERY, name);
}

/** Of ASCII, which is all that metadata has. */
function base64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

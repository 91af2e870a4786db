import { SluiceError } from '../../core/errors.js';

/** What messages are written in: binary protobuf, or text in proto3 JSON. */
export type Subprotocol = 'sluice.v1.proto' | 'sluice.v1.json';

const KNOWN: ReadonlySet<string> = new Set<Subprotocol>(['sluice.v1.proto', 'sluice.v1.json']);

/** Offered beside one of these by a browser, which can set no header: behind it, a token. Never chosen, so never said back. */
const BEARER = 'sluice.v1.bearer.';

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** The names in a `sec-websocket-protocol` header (RFC 6455 section 11.3.4). */
export function offeredSubprotocols(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  return header.split(',').map((name) => name.trim());
}

/** The first of the client's that we know. @throws SluiceError INVALID_MESSAGE that names them, and nothing of what was offered */
export function chooseSubprotocol(offered: readonly string[]): Subprotocol {
  const chosen = offered.find((name) => KNOWN.has(name));
  if (chosen !== undefined) return chosen as Subprotocol;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `the WebSocket has to offer one of the subprotocols ${[...KNOWN].join(', ')} (Sec-WebSocket-Protocol)`,
  );
}

/**
 * The token among the offered subprotocols; undefined without one.
 * @throws SluiceError UNAUTHENTICATED, in words that repeat none of it
 */
export function offeredToken(offered: readonly string[]): string | undefined {
  const name = offered.find((each) => each.startsWith(BEARER));
  if (name === undefined) return undefined;
  const encoded = name.slice(BEARER.length);
  const token = Buffer.from(encoded, 'base64url').toString('utf8');
  if (BASE64URL.test(encoded) && token !== '' && !token.includes('\uFFFD')) return token;
  throw new SluiceError(
    'UNAUTHENTICATED',
    `the subprotocol ${BEARER}… does not end with a token in base64url`,
  );
}

import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

import { formatPeer } from '../net/socket-peer.js';

/** Where the client of each connection is, as its socket said when it came. */
const peers = new WeakMap<Http2Session, string>();

/** Noted once, before the first stream: a closed socket has forgotten it, and what is below HTTP/2 is out of sight. */
export function setConnectionPeer(session: Http2Session, peer: string): void {
  peers.set(session, peer);
}

/** `host:port`, "unix" or "unknown". */
export function connectionPeerOf(session: Http2Session | undefined): string {
  if (session === undefined) return 'unknown';
  const noted = peers.get(session);
  if (noted !== undefined) return noted;
  // One that grpc-js has accepted by itself; none is left of one that is destroyed.
  const socket = session.socket as Socket | undefined;
  return formatPeer(socket?.remoteAddress, socket?.remotePort);
}

import type { Socket } from 'node:net';

import { formatPeer } from './request-headers.js';

/**
 * The other side of an open socket as the log names it: `host:port`, "unix" for
 * a Unix socket, "unknown" for a TCP client that is gone already. To be asked
 * early: a closed socket has forgotten it.
 */
export function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined && socket.localAddress !== undefined) return 'unknown';
  return formatPeer(remoteAddress, remotePort);
}

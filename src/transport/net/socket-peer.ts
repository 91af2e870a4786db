import type { Socket } from 'node:net';

/** What a balancer has stated in front of a connection (PROXY protocol). */
const stated = new WeakMap<Socket, string>();

/** Notes where the client of a connection really is; whatever is spoken above it then, `peerOf` says so. */
export function statePeer(socket: Socket, peer: string): void {
  stated.set(socket, peer);
}

/**
 * The other side of an open socket as the log names it: `host:port`, "unix" for
 * a Unix socket, "unknown" for a TCP client that is gone already. To be asked
 * early: a closed socket has forgotten it. Where a balancer is in front that
 * states it, its client.
 */
export function peerOf(socket: Socket): string {
  const told = stated.get(socket) ?? stated.get(below(socket));
  if (told !== undefined) return told;
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined && socket.localAddress !== undefined) return 'unknown';
  return formatPeer(remoteAddress, remotePort);
}

/** What a TLS socket was made of; nothing public says so (behind-a-balancer.test.ts would tell if it were gone). */
function below(socket: Socket): Socket {
  return (socket as { readonly _parent?: Socket | null })._parent ?? socket;
}

/** `host:port` of a socket's far end, IPv6 in brackets; "unix" where there is no address. */
export function formatPeer(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unix';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

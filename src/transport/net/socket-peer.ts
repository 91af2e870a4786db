import type { Socket } from 'node:net';

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

/** `host:port` of a socket's far end, IPv6 in brackets; "unix" where there is no address. */
export function formatPeer(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unix';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

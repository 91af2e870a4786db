/**
 * The address of a peer, without its port and brackets: of `host:port` and
 * `[ipv6]:port`, and of an address that a balancer named without a port. What
 * has none ("unix", "unknown") is itself.
 */
export function peerHost(peer: string): string {
  if (peer.startsWith('[')) return peer.slice(1, Math.max(1, peer.lastIndexOf(']')));
  const colon = peer.indexOf(':');
  // With several colons it is an IPv6 address, bare.
  return colon < 0 || colon !== peer.lastIndexOf(':') ? peer : peer.slice(0, colon);
}

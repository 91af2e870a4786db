import { BlockList, isIP } from 'node:net';

// RFC 6890 section 2.2: nothing of these ever leaves the machine.
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine reaches a host, as an address or a URL writes it: `localhost`, `[::1]`. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const version = isIP(bare);
  if (version === 0) return /^(.+\.)?localhost\.?$/i.test(bare);
  return LOOPBACK.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}

/** The same of an address to listen at: `host:port`, or `unix:/path`. */
export function isLocalAddress(address: string): boolean {
  return address.startsWith('unix:') || isLoopbackHost(address.replace(/:\d+$/, ''));
}

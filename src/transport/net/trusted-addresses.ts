import { BlockList, isIP } from 'node:net';

/**
 * Whose word on where a client comes from is taken: addresses and ranges of
 * them (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`), and `unix` for all that
 * comes over a Unix socket. An IPv4-mapped IPv6 address is the IPv4 address.
 */
export class TrustedAddresses {
  readonly #ranges = new BlockList();
  readonly #unix: boolean;

  constructor(entries: readonly string[]) {
    this.#unix = entries.includes('unix');
    for (const entry of entries) {
      if (entry === 'unix') continue;
      const [address = '', bits] = entry.split('/');
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
      this.#ranges.addSubnet(
        address,
        bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits),
        family,
      );
    }
  }

  /** `address` as a socket has it: without brackets and port, undefined for a Unix socket. */
  has(address: string | undefined): boolean {
    if (address === undefined) return this.#unix;
    const [bare = ''] = address.split('%', 1);
    const version = isIP(bare);
    return version !== 0 && this.#ranges.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  }
}

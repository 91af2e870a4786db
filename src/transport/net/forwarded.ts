import { isIPv4, isIPv6 } from 'node:net';

import { formatPeer } from './socket-peer.js';
import type { TrustedAddresses } from './trusted-addresses.js';

/** The header that the balancers in front set; any other may be the client's own invention. */
export type ForwardedHeader = 'forwarded' | 'x-forwarded-for';

/** Somebody on the way, as a header names it. */
interface Hop {
  readonly address: string;
  /** Undefined where it is not said. */
  readonly port: number | undefined;
}

/**
 * Who is calling where balancers are in front that speak HTTP: the last address
 * in their header that is not of a balancer itself. What stands left of that
 * anyone may have written, and is not looked at.
 */
export class ForwardedPeers {
  readonly header: ForwardedHeader;
  readonly #trusted: TrustedAddresses;

  constructor(header: ForwardedHeader, trusted: TrustedAddresses) {
    this.header = header;
    this.#trusted = trusted;
  }

  /**
   * `peer` is the connection's own, and stays where it is no balancer's, or
   * where the header is absent, broken or names nobody ("unknown", `_hidden`).
   * `value` is the header's, of several by that name all, joined by commas.
   */
  peerOf(peer: string, value: string | undefined): string {
    if (value === undefined || !this.#isTrusted(peer)) return peer;
    const named = this.header === 'forwarded' ? forwardedNodes(value) : value.split(',');
    let furthest = peer;
    for (const node of named.reverse()) {
      const hop = readHop(node.trim());
      if (hop === undefined) return furthest;
      furthest = hopText(hop);
      if (!this.#trusted.has(hop.address)) return furthest;
    }
    return furthest;
  }

  #isTrusted(peer: string): boolean {
    if (peer === 'unix') return this.#trusted.has(undefined);
    const hop = readHop(peer);
    return hop !== undefined && this.#trusted.has(hop.address);
  }
}

/** The `for` of each element (RFC 7239 section 4), "" where it has none; nothing at all of a header that is broken anywhere. */
function forwardedNodes(value: string): string[] {
  const pair = /\s*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")\s*(;|,|$)/y;
  const nodes: string[] = [];
  let node: string | undefined;
  let separator: string | undefined = ',';
  while (pair.lastIndex < value.length) {
    const [, name, token, quoted, next] = pair.exec(value) ?? [];
    if (name === undefined) return [];
    separator = next;
    if (name.toLowerCase() === 'for') {
      if (node !== undefined) return [];
      node = token ?? (quoted ?? '').replace(/\\(.)/g, '$1');
    }
    if (separator === ';') continue;
    nodes.push(node ?? '');
    node = undefined;
  }
  // Cut off, it lacks the one element that counts.
  return separator === '' ? nodes : [];
}

/** An address with or without a port; IPv6 in brackets, or bare where there is no port. */
function readHop(text: string): Hop | undefined {
  if (isIPv6(text)) return hop(text, undefined);
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isAddress = bracketed === undefined ? isIPv4(plain ?? '') : isIPv6(bracketed);
  if (!isAddress || Number(port ?? 0) > 65_535) return undefined;
  return hop(bracketed ?? plain ?? '', port === undefined ? undefined : Number(port));
}

/** A zone means nothing to another machine. */
function hop(address: string, port: number | undefined): Hop {
  return { address: address.split('%', 1)[0] ?? address, port };
}

function hopText({ address, port }: Hop): string {
  if (port !== undefined) return formatPeer(address, port);
  return address.includes(':') ? `[${address}]` : address;
}

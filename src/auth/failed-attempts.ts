import { isIPv4, isIPv6 } from 'node:net';
import type { Clock } from '../core/clock.js';

export interface FailedAttemptsOptions {
  readonly clock: Clock;
  /** How many may follow one another at once. */
  readonly burst: number;
  /** How many more each second; above 0. */
  readonly perSecond: number;
  /** Beyond, the one that failed longest ago is forgotten. */
  readonly maxAddresses: number;
}

interface Bucket {
  tokens: number;
  filledAt: number;
}

/**
 * Failed attempts to come in, by address: a token bucket each. Attempts whose
 * outcome is not yet known are not counted, so several at once may take a
 * bucket below zero, by a burst at most: that is paid back first.
 */
export class FailedAttempts {
  readonly #options: FailedAttemptsOptions;
  /** In the order of their last failure. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: FailedAttemptsOptions) {
    this.#options = options;
  }

  /** Addresses remembered; at most `maxAddresses`. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Milliseconds until this peer may try again; 0 when it may now. */
  waitMs(peer: string): number {
    const bucket = this.#buckets.get(addressOf(peer));
    if (bucket === undefined) return 0;
    const missing = 1 - this.#fill(bucket);
    return missing <= 0 ? 0 : Math.ceil((missing * 1_000) / this.#options.perSecond);
  }

  /** An attempt of this peer has failed. */
  charge(peer: string): void {
    const { burst, maxAddresses, clock } = this.#options;
    const address = addressOf(peer);
    const bucket = this.#buckets.get(address) ?? { tokens: burst, filledAt: clock.now() };
    bucket.tokens = Math.max(-burst, this.#fill(bucket) - 1);
    this.#buckets.delete(address);
    if (this.#buckets.size >= maxAddresses) this.#forgetOldest();
    this.#buckets.set(address, bucket);
  }

  #fill(bucket: Bucket): number {
    const { burst, perSecond, clock } = this.#options;
    const now = clock.now();
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAt) * perSecond) / 1_000);
    bucket.filledAt = now;
    return bucket.tokens;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}

/**
 * What of a peer is charged: its address without the port. Of an IPv6 address
 * the /64, the least that a site is given (RFC 6177): whoever has one has all
 * of it. An IPv4-mapped one (RFC 4291 section 2.5.5.2) is the IPv4 address.
 */
export function addressOf(peer: string): string {
  const host = hostOf(peer);
  if (isIPv4(host) || !isIPv6(host)) return host;
  const groups = groupsOf(host);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    const [high = 0, low = 0] = groups.slice(6);
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** `host:port` or `[host]:port`; what is neither is a host as it stands. */
function hostOf(peer: string): string {
  if (peer.startsWith('[')) return peer.slice(1, Math.max(1, peer.lastIndexOf(']')));
  const colon = peer.lastIndexOf(':');
  return colon < 0 || isIPv6(peer) ? peer : peer.slice(0, colon);
}

/** The eight groups of a valid IPv6 address, whichever way it is written. */
function groupsOf(address: string): readonly number[] {
  const [bare = ''] = address.split('%', 1);
  const [head = '', tail] = bare.split('::', 2);
  const before = numbersOf(head);
  if (tail === undefined) return before;
  const after = numbersOf(tail);
  return [...before, ...Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}

function numbersOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

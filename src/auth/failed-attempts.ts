import { isIPv4, isIPv6 } from 'node:net';
import type { Clock } from '../core/clock.js';
import { peerHost } from '../core/peer-host.js';

export interface FailedAttemptsOptions {
  readonly clock: Clock;
  /** How many may follow one another at once. */
  readonly burst: number;
  /** How many more each second; above 0. */
  readonly perSecond: number;
  /** Beyond, the one that failed longest ago is forgotten. */
  readonly maxAddresses: number;
}

/**
 * Failed attempts to come in, by address: a token bucket each, told by the one
 * time at which it is full again. Attempts whose outcome is not yet known are
 * not counted, so several at once may overdraw it, by a burst at most: that is
 * paid back first.
 */
export class FailedAttempts {
  readonly #options: FailedAttemptsOptions;
  readonly #intervalMs: number;
  /** When each bucket is full again, in the order of their last failure. */
  readonly #fullAt = new Map<string, number>();

  constructor(options: FailedAttemptsOptions) {
    this.#options = options;
    this.#intervalMs = 1_000 / options.perSecond;
  }

  /** Addresses remembered; at most `maxAddresses`. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** The settings with their values, for a sentence. */
  get limitsText(): string {
    const { burst, perSecond } = this.#options;
    return `auth.failures.burst = ${burst}, auth.failures.perSecond = ${perSecond}`;
  }

  /** Milliseconds until this peer may try again; 0 when it may now. */
  waitMs(peer: string): number {
    const { burst, clock } = this.#options;
    const fullAt = this.#fullAt.get(addressOf(peer));
    if (fullAt === undefined) return 0;
    return Math.max(0, Math.ceil(fullAt - clock.now() - (burst - 1) * this.#intervalMs));
  }

  /** An attempt of this peer has failed. */
  charge(peer: string): void {
    const { burst, maxAddresses, clock } = this.#options;
    const now = clock.now();
    const address = addressOf(peer);
    const fullAt = Math.max(now, this.#fullAt.get(address) ?? now) + this.#intervalMs;
    this.#fullAt.delete(address);
    if (this.#fullAt.size >= maxAddresses) this.#forgetOldest();
    this.#fullAt.set(address, Math.min(fullAt, now + 2 * burst * this.#intervalMs));
  }

  #forgetOldest(): void {
    const oldest = this.#fullAt.keys().next();
    if (oldest.done !== true) this.#fullAt.delete(oldest.value);
  }
}

/**
 * What of a peer is charged: its address without the port. Of an IPv6 address
 * the /64, the least that a site is given (RFC 6177): whoever has one has all
 * of it. An IPv4-mapped one (RFC 4291 section 2.5.5.2) is the IPv4 address.
 */
export function addressOf(peer: string): string {
  const host = peerHost(peer);
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

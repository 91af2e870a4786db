import type { ClientError } from '../client-error.js';
import type { Endpoint } from './endpoints.js';

/** So often in a row may a fresh token be refused. */
const MAX_REFUSED_TOKENS = 2;

/** Told by the address, not by a gateway there. */
const OF_THE_NETWORK: ReadonlySet<string> = new Set(['TLS_MISMATCH', 'BAD_CERTIFICATE', 'NOT_SLUICE']);
/** Another address may be right. */
const OF_THE_ADDRESS: ReadonlySet<string> = new Set([...OF_THE_NETWORK, 'NEWER_PROTOCOL']);

/** The token that was shown is not, or no longer, good. */
export function isOfTheToken({ code }: ClientError): boolean {
  return code === 'UNAUTHENTICATED' || code === 'TOKEN_EXPIRED';
}

/** Nobody that could be a gateway for us is at that address now. */
export function isOfTheAddress({ code }: ClientError): boolean {
  return code === 'UNREACHABLE' || OF_THE_ADDRESS.has(code);
}

/** Judges whether another attempt to connect would end as the last one did. */
export class Refusals {
  readonly #endpoints: readonly Endpoint[];
  /** Another token can be had. */
  readonly #isRenewable: boolean;
  #tokens = 0;

  constructor(endpoints: readonly Endpoint[], isRenewable: boolean) {
    this.#endpoints = endpoints;
    this.#isRenewable = isRenewable;
  }

  /** A connection works: what was refused before is another matter. */
  worked(): void {
    this.#tokens = 0;
  }

  /** `wasWelcome`: the connection that ended with this had been. */
  isFinal(error: ClientError, endpoint: Endpoint, wasWelcome: boolean): boolean {
    if (this.#isRenewable && isOfTheToken(error)) {
      // All connections of a token end together when it does: that is no refusal of a fresh one.
      if (!wasWelcome) this.#tokens += 1;
      return this.#tokens >= MAX_REFUSED_TOKENS;
    }
    // What has expired and can't be had afresh would be shown again, and refused again.
    const isStaleForEver = error.code === 'TOKEN_EXPIRED' && !wasWelcome;
    if (error.retry !== 'never' && !isStaleForEver) return false;
    // Where a gateway was, one will be again: something else may answer while it starts anew.
    if (endpoint.wasWelcomed && OF_THE_NETWORK.has(error.code)) return false;
    endpoint.refusal = error;
    if (!OF_THE_ADDRESS.has(error.code)) return true;
    return this.#endpoints.every(({ refusal }) => refusal !== undefined);
  }
}

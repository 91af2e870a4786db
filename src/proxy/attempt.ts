import type {
  CallEnd,
  RelayCall,
  RelayEnd,
  RelayEvents,
  RelayRequest,
} from '../transport/client-contract.js';
import type { RelayedHeaders } from '../transport/proxy-contract.js';
import type { Lease } from '../upstream/lease.js';
import { isCutOff } from '../upstream/stream-verdict.js';

/** What an attempt calls, until it is given up. */
export interface AttemptOwner {
  onOpen(): void;
  onHeaders(headers: RelayedHeaders): void;
  onAnswer(chunk: Uint8Array): void;
  onSent(): void;
  onHeld(): void;
  onAttemptEnd(end: RelayEnd): void;
}

/** One call at one backend: its outcome is what the breaker of the address is told. */
export class Attempt implements RelayEvents {
  readonly address: string;
  readonly relay: RelayCall;
  readonly #lease: Lease;
  #owner: AttemptOwner | undefined;

  constructor(lease: Lease, request: RelayRequest, owner: AttemptOwner) {
    this.address = lease.address;
    this.#lease = lease;
    this.#owner = owner;
    this.relay = lease.connector.relay(request, this);
  }

  /** Resets it; its owner hears no more of it. Idempotent. */
  giveUp(): void {
    if (this.#owner === undefined) return;
    this.#owner = undefined;
    this.relay.cancel();
    this.#lease.release();
  }

  onOpen(): void {
    this.#owner?.onOpen();
  }

  onHeaders(headers: RelayedHeaders): void {
    if (this.#owner === undefined) return;
    this.#lease.succeeded();
    this.#owner.onHeaders(headers);
  }

  onChunk(chunk: Uint8Array): void {
    this.#owner?.onAnswer(chunk);
  }

  onWritten(): void {
    this.#owner?.onSent();
  }

  onHeld(): void {
    this.#owner?.onHeld();
  }

  onEnd(end: RelayEnd): void {
    const owner = this.#owner;
    if (owner === undefined) return;
    this.#owner = undefined;
    const { failure } = end;
    if (failure === undefined) this.#lease.succeeded();
    else if (isCutOff(failure)) this.#lease.cutOff(failure.message);
    else if (blames(failure, end.unprocessed)) this.#lease.failed(failure.message);
    this.#lease.release();
    owner.onAttemptEnd(end);
  }
}

/**
 * Whether others would fare no better. An HTTP status in place of an answer
 * says nothing of that: clients choose the path, the content type and the
 * metadata that it may be for.
 */
function blames({ failure }: CallEnd, unprocessed: boolean): boolean {
  return failure !== undefined && (failure !== 'not-sluice' || unprocessed);
}

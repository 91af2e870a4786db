import { SluiceError } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import type { StreamReceiver, TransportStream } from '../../transport/contract.js';
import { PublishCall, type PublishContext } from './publish-call.js';

export interface PublishesOptions extends PublishContext {
  /** Calls under way, in all and of one client. */
  readonly maxPublishes: number;
  readonly maxPublishesPerClient: number;
  /** The last of them is over. */
  readonly onEmpty: () => void;
}

/** What is under way. */
export interface PublishLevels {
  /** Calls of Publish, from their admission until they are answered. */
  readonly underWay: number;
  /** Of these, how many a subscriber under `block` holds. */
  readonly held: number;
}

/** How soon a publisher that was refused for a limit should try again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * The calls of Publish under way. They are short, and no connections of the
 * pool, which is for what stays; so that those that are held are not without
 * bound they have one of their own.
 */
export class Publishes {
  readonly #options: PublishesOptions;
  readonly #calls = new Set<PublishCall>();
  readonly #perClient = new Map<string, number>();

  constructor(options: PublishesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#calls.size;
  }

  get levels(): PublishLevels {
    let held = 0;
    for (const { isHeld } of this.#calls) if (isHeld) held += 1;
    return { underWay: this.#calls.size, held };
  }

  [Symbol.iterator](): IterableIterator<PublishCall> {
    return this.#calls.values();
  }

  /** The error that would refuse one more, whoever's, where so many are `held`; undefined when there is room. */
  refusalIfFull(held = this.#calls.size): SluiceError | undefined {
    const { maxPublishes } = this.#options;
    if (held < maxPublishes) return undefined;
    const many = `${held} calls of Publish are under way, the most that may (pool.maxPublishes = ${maxPublishes})`;
    return new SluiceError('OVERLOADED', many, { retryAfterMs: RETRY_MS });
  }

  /** Throws OVERLOADED or CLIENT_LIMIT. */
  take(stream: TransportStream, identity: Identity): StreamReceiver {
    const { clientId } = identity;
    this.#refuseOverLimit(clientId);
    const call = new PublishCall(this.#options, stream, identity, (done) => {
      this.#forget(done);
    });
    this.#calls.add(call);
    this.#perClient.set(clientId, (this.#perClient.get(clientId) ?? 0) + 1);
    return call;
  }

  /** Ends those of a client, of `which` identities. */
  endClient(clientId: string, error: SluiceError, which: (identity: Identity) => boolean): void {
    for (const call of [...this.#calls]) {
      if (call.identity.clientId === clientId && which(call.identity)) call.end(error);
    }
  }

  end(error: SluiceError): void {
    for (const call of [...this.#calls]) call.end(error);
  }

  /** Now, without waiting for anybody to take anything. */
  destroy(error: SluiceError): void {
    for (const call of [...this.#calls]) {
      call.end(error);
      call.reset();
    }
  }

  #refuseOverLimit(clientId: string): void {
    const { account, maxPublishesPerClient } = this.#options;
    const retry = { retryAfterMs: RETRY_MS };
    if (account.exceeded) {
      const held = `${account.bytes} bytes are buffered, and no more than ${account.budgetBytes} may be (memory.budget)`;
      throw new SluiceError('OVERLOADED', held, retry);
    }
    const full = this.refusalIfFull();
    if (full !== undefined) throw full;
    const held = this.#perClient.get(clientId) ?? 0;
    if (held < maxPublishesPerClient) return;
    throw new SluiceError(
      'CLIENT_LIMIT',
      `client "${clientId}" has ${held} calls of Publish under way, the most one may ` +
        `(pool.maxPublishesPerClient = ${maxPublishesPerClient})`,
      retry,
    );
  }

  #forget(call: PublishCall): void {
    if (!this.#calls.delete(call)) return;
    const { clientId } = call.identity;
    const left = (this.#perClient.get(clientId) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(clientId);
    else this.#perClient.set(clientId, left);
    if (this.#calls.size === 0) this.#options.onEmpty();
  }
}

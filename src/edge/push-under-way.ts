import type { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { BufferAccount } from '../flow/held-bytes.js';

export interface PushUnderWayOptions {
  readonly identity: Identity;
  readonly peer: string;
  /** In Clock.wallNow(). */
  readonly beganAtMs: number;
  /** Where what is held of it is counted. */
  readonly account: BufferAccount;
}

/** A push that has its place, until it is answered. It counts what is held of it: its end frees that at once. */
export class PushUnderWay implements BufferAccount {
  readonly identity: Identity;
  readonly peer: string;
  readonly beganAtMs: number;
  readonly #account: BufferAccount;
  readonly #abort = new AbortController();
  #heldBytes = 0;

  constructor({ identity, peer, beganAtMs, account }: PushUnderWayOptions) {
    this.identity = identity;
    this.peer = peer;
    this.beganAtMs = beganAtMs;
    this.#account = account;
  }

  /** Aborted with what it is answered with. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Ended, it holds nothing any more. */
  add(bytes: number): void {
    if (this.signal.aborted) return;
    this.#heldBytes += bytes;
    this.#account.add(bytes);
  }

  /** Nobody waits for it any more; what a session has of it already is not taken back. The first call wins. */
  end(error: SluiceError): void {
    if (this.signal.aborted) return;
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.#abort.abort(error);
    this.#account.add(-bytes);
  }
}

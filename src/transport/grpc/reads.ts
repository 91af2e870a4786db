import type { Http2Session } from 'node:http2';
import type { Turn } from '../../core/turn.js';

/**
 * Numbers the reads of a server's connections, as far as can be told from the
 * frames they bring: what another connection is brought, or another turn, was
 * another read.
 */
export class Reads {
  readonly #turn: Turn;
  #turnNumber = 0;
  #session: Http2Session | undefined;
  #number = 0;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Of the read that brings a frame for `session` now. */
  numberOf(session: Http2Session | undefined): number {
    const turn = this.#turn.number;
    if (turn !== this.#turnNumber || session !== this.#session) {
      this.#turnNumber = turn;
      this.#session = session;
      this.#number += 1;
    }
    return this.#number;
  }
}

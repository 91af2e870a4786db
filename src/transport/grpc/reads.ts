import type { Http2Session } from 'node:http2';
import type { Turn } from '../../core/turn.js';

/**
 * Numbers the reads of a server's connections, as far as can be told from the
 * frames they bring: what another connection is brought, or another turn, was
 * another read.
 */
export class Reads {
  readonly #turn: Turn;
  readonly #connections = new WeakMap<Http2Session, number>();
  #connectionCount = 0;
  #turnNumber = 0;
  #connection = 0;
  #number = 0;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** What `next` knows a connection by: a number, for it should not outlive itself here. */
  connectionOf(session: Http2Session | undefined): number {
    if (session === undefined) return 0;
    let connection = this.#connections.get(session);
    if (connection === undefined) {
      connection = this.#connectionCount += 1;
      this.#connections.set(session, connection);
    }
    return connection;
  }

  /** The number of the read that brings a frame for `connection` now. */
  next(connection: number): number {
    const turn = this.#turn.number();
    if (turn !== this.#turnNumber || connection !== this.#connection) {
      this.#turnNumber = turn;
      this.#connection = connection;
      this.#number += 1;
    }
    return this.#number;
  }
}

import type { DataMessage } from '../../../src/wire/messages.js';

/**
 * A connection: two queues of whole messages, for a message cut in two is none.
 * Each side learns by itself that it is gone; between the two moments it is half
 * open: what the client wrote may still arrive, up to any point.
 */
export interface Connection {
  readonly id: number;
  /** Whose session it was opened for. */
  readonly subject: string;
  readonly up: { readonly message: DataMessage; readonly atMs: number }[];
  readonly down: DataMessage[];
  clientHolds: boolean;
  /** The client has said its last word: of what it says more, nothing is sent. */
  halfClosed: boolean;
  gatewayHolds: boolean;
  /** The gateway has ended it: the client learns so behind what was written. */
  ended: boolean;
  /** When the client's side went. */
  halfOpenSinceMs: number;
}

export class Network {
  readonly connections: Connection[] = [];
  #opened = 0;

  open(subject: string): Connection {
    this.#opened += 1;
    const connection: Connection = {
      id: this.#opened,
      subject,
      up: [],
      down: [],
      clientHolds: true,
      halfClosed: false,
      gatewayHolds: true,
      ended: false,
      halfOpenSinceMs: 0,
    };
    this.connections.push(connection);
    return connection;
  }

  /** Those that the gateway's liveness gives up: silent, or not delivering, for as long. */
  overdue(nowMs: number, livenessMs: number): Connection[] {
    return this.connections.filter(({ clientHolds, halfOpenSinceMs, up }) => {
      const sinceMs = Math.min(clientHolds ? Infinity : halfOpenSinceMs, up[0]?.atMs ?? Infinity);
      return nowMs - sinceMs >= livenessMs;
    });
  }

  /** Forgets connections that both sides have lost. */
  sweep(): void {
    for (let i = this.connections.length - 1; i >= 0; i -= 1) {
      const connection = this.connections[i];
      if (connection?.clientHolds === false && !connection.gatewayHolds) this.connections.splice(i, 1);
    }
  }
}

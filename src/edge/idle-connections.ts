import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.js';

/** How long one is left when the gateway leaves: a request may be on its way on it. */
const LINGER_MS = 100;

interface Idle {
  /** What had come on it when it became idle, whatever it was for. */
  readonly bytesBefore: number;
  /** Nothing was asked on it before. */
  readonly isNew: boolean;
  timer: Timer | undefined;
}

/**
 * Connections that wait for a request, the first or the next. Nobody waits for
 * them when the gateway leaves: each is closed then, or as soon as it is idle,
 * unless something has come on it since it was. Half a request that was sent
 * behind another came before that: it does not keep its connection.
 */
export class IdleConnections {
  readonly #clock: Clock;
  readonly #idle = new Map<Socket, Idle>();
  #isLeaving = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It has come. */
  addNew(socket: Socket): void {
    this.#add(socket, true);
  }

  /** The last of its requests is answered. */
  add(socket: Socket): void {
    this.#add(socket, false);
  }

  /** Whether nothing of a request has ever come on it: it was opened, and that was all. */
  isUnused(socket: Socket): boolean {
    const idle = this.#idle.get(socket);
    return idle?.isNew === true && socket.bytesRead === idle.bytesBefore;
  }

  /** A request has come on it, or it is closed. Idempotent. */
  delete(socket: Socket): void {
    this.#idle.get(socket)?.timer?.cancel();
    this.#idle.delete(socket);
  }

  /** From now on they are closed. Idempotent. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    for (const [socket, idle] of this.#idle) this.#closeSoon(socket, idle);
  }

  /** All are closed by somebody else. Idempotent. */
  stop(): void {
    for (const socket of [...this.#idle.keys()]) this.delete(socket);
  }

  #add(socket: Socket, isNew: boolean): void {
    if (socket.destroyed) return;
    // What is there to be read already is of a request.
    const bytesBefore = socket.bytesRead - socket.readableLength;
    const idle: Idle = { bytesBefore, isNew, timer: undefined };
    this.#idle.set(socket, idle);
    if (this.#isLeaving) this.#closeSoon(socket, idle);
  }

  #closeSoon(socket: Socket, idle: Idle): void {
    idle.timer = this.#clock.setTimeout(() => {
      idle.timer = undefined;
      if (socket.bytesRead === idle.bytesBefore) socket.destroy();
    }, LINGER_MS);
  }
}

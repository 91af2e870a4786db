import type { Socket } from 'node:net';

/**
 * Every network socket of the server, TLS handshakes and dead peers included:
 * what grpc-js closes may still hold its descriptor for a peer that never
 * answers, so the limit and the end of the server are kept here.
 */
export class SocketRegistry {
  readonly #sockets = new Set<Socket>();
  readonly #maxSockets: number;
  #whenEmpty: (() => void)[] = [];

  constructor(maxSockets: number) {
    this.#maxSockets = maxSockets;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** False when there are as many as there may be: the socket is not kept, and for the caller to destroy. */
  admit(socket: Socket): boolean {
    if (this.#sockets.size >= this.#maxSockets) return false;
    this.#sockets.add(socket);
    // Once only; `once` itself would keep three objects more for each.
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size > 0) return;
      const waiting = this.#whenEmpty;
      this.#whenEmpty = [];
      for (const resolve of waiting) resolve();
    });
    return true;
  }

  /** Destroys every socket; resolves when all have closed. */
  async destroyAll(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }
}

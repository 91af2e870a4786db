import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Which requests of each connection are not answered yet: several, where they come without waiting for answers (pipelining). */
export class RequestsUnderWay {
  readonly #ofSockets = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #onIdle: (socket: Socket) => void;

  /** Told of each connection whose last request is answered, or gone with it. */
  constructor(onIdle: (socket: Socket) => void) {
    this.#onIdle = onIdle;
  }

  countOf(socket: Duplex): number {
    return this.#ofSockets.get(socket)?.size ?? 0;
  }

  /** Whether an answer has begun, or a whole request waits for its own: what is written beside would be taken for that. */
  owesAnswer(socket: Duplex): boolean {
    for (const { headersSent, req } of this.#ofSockets.get(socket) ?? [])
      if (headersSent || req.complete) return true;
    return false;
  }

  /** Whether the request that is still coming in is being answered already. */
  answersEarly(socket: Duplex): boolean {
    for (const { headersSent, req } of this.#ofSockets.get(socket) ?? [])
      if (headersSent && !req.complete) return true;
    return false;
  }

  /** Until the response says 'close', which it does whatever happens. */
  add(socket: Socket, response: ServerResponse): void {
    const responses = this.#ofSockets.get(socket) ?? this.#begin(socket);
    responses.add(response);
    response.once('close', () => {
      responses.delete(response);
      if (responses.size === 0) this.#onIdle(socket);
    });
  }

  /**
   * The platform tells a response that its connection is gone only where it has
   * its turn; those behind it would wait for ever, with all that waits for them.
   */
  #begin(socket: Duplex): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#ofSockets.set(socket, responses);
    socket.once('close', () => {
      for (const response of [...responses]) {
        if (response.socket !== null) continue;
        response.destroy();
        response.emit('close');
      }
    });
    return responses;
  }
}

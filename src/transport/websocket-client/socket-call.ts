import type { Clock, Timer } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { GrpcStatus } from '../../core/grpc-status.js';
import type { CallEnd } from '../client-contract.js';
import type { PlatformSocket, PlatformWebSocket } from './platform-socket.js';
import { unreachable } from './socket-end.js';
import { PROTOCOL, type SocketRequest } from './socket-request.js';

/** More than this on its way makes a sender wait … */
const HIGH_WATER_BYTES = 128 * 1024;
/** … until it is no more than this. */
const LOW_WATER_BYTES = 32 * 1024;
/** No event tells that there is room: it is looked at, less and less often while nothing moves. */
const FIRST_LOOK_MS = 4;
const LAST_LOOK_MS = 128;

/** How a WebSocket was closed: RFC 6455, section 7.4. */
export interface SocketClose {
  readonly code: number;
  readonly reason: string;
}

/** What a call on a WebSocket calls; never from within a call made to it. */
export interface SocketEvents {
  onBody(body: Uint8Array): void;
  onWritable(): void;
  /** It was open, and is closed. */
  onClose(close: SocketClose): void;
  /** It is over for another reason. Of this and `onClose` one is called, once; after it nothing else is. */
  onEnd(end: CallEnd): void;
}

export interface SocketOptions {
  readonly clock: Clock;
  readonly WebSocket: PlatformWebSocket;
  /** From the call to the open WebSocket. */
  readonly connectTimeoutMs: number;
  /** Those of the connector. */
  readonly calls: OpenCalls;
}

/** The calls of a connector that are not over. */
export class OpenCalls {
  readonly #calls = new Set<SocketCall>();
  #isClosed = false;

  /** False: there are to be no more. */
  add(call: SocketCall): boolean {
    if (!this.#isClosed) this.#calls.add(call);
    return !this.#isClosed;
  }

  delete(call: SocketCall): void {
    this.#calls.delete(call);
  }

  /** Gives up them all, and those that are to come. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const call of this.#calls) call.cancel();
  }
}

/** One WebSocket: whole messages out and in, and how it ended. */
export class SocketCall {
  readonly #options: SocketOptions;
  readonly #url: string;
  readonly #events: SocketEvents;
  #socket: PlatformSocket | undefined;
  #state: 'connecting' | 'open' | 'over' = 'connecting';
  /** What is to be sent as soon as it is open. */
  #early: Uint8Array<ArrayBuffer>[] = [];
  #earlyBytes = 0;
  /** What the platform said went wrong. */
  #fault = '';
  #limit: Timer | undefined;
  #look: Timer | undefined;
  /** How much waited when it was last looked at. */
  #lookedBytes = 0;

  constructor(options: SocketOptions, { url, protocols }: SocketRequest, events: SocketEvents) {
    this.#options = options;
    this.#url = url.replace(/\?.*$/, '');
    this.#events = events;
    if (!options.calls.add(this)) {
      this.#endSoon(CANCELLED);
      return;
    }
    try {
      this.#socket = this.#connect(new options.WebSocket(url, protocols));
    } catch (error) {
      this.#endSoon(this.#refused(error));
      return;
    }
    const { clock, connectTimeoutMs } = options;
    this.#limit = clock.setTimeout(() => {
      this.#giveUp();
      events.onEnd(
        unreachable(this.#url, `nobody answered within ${connectTimeoutMs} ms (connectTimeoutMs)`),
      );
    }, connectTimeoutMs);
  }

  /** As of ClientCall. */
  send(body: Uint8Array<ArrayBuffer>): boolean {
    if (this.#state === 'over') return false;
    if (this.#state === 'open') this.#socket?.send(body);
    else {
      this.#early.push(body);
      this.#earlyBytes += body.length;
    }
    const hasRoom = this.#waitingBytes <= HIGH_WATER_BYTES;
    if (!hasRoom) this.#lookIn(FIRST_LOOK_MS);
    return hasRoom;
  }

  /** `onEnd` follows, in a later turn. Idempotent. */
  cancel(end: CallEnd = CANCELLED): void {
    if (this.#state === 'over') return;
    this.#giveUp();
    this.#endSoon(end);
  }

  /** Closes it, and calls nothing more. */
  #giveUp(): void {
    const socket = this.#socket;
    this.#over();
    socket?.close(1000);
  }

  get #waitingBytes(): number {
    return this.#earlyBytes + (this.#socket?.bufferedAmount ?? 0);
  }

  #connect(socket: PlatformSocket): PlatformSocket {
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#opened(socket);
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) this.#events.onBody(new Uint8Array(data));
      else {
        this.#giveUp();
        this.#events.onEnd({
          status: GrpcStatus.INTERNAL,
          message: `${this.#url} sends text, and ${PROTOCOL} is binary.`,
          unreadable: true,
        });
      }
    };
    socket.onerror = ({ message }: { readonly message?: unknown }) => {
      if (typeof message === 'string') this.#fault = message;
    };
    socket.onclose = (close: SocketClose) => {
      const wasOpen = this.#state === 'open';
      this.#over();
      if (wasOpen) this.#events.onClose(close);
      else this.#events.onEnd(unreachable(this.#url, this.#fault));
    };
    return socket;
  }

  #opened(socket: PlatformSocket): void {
    if (socket.protocol !== PROTOCOL) {
      this.#giveUp();
      this.#events.onEnd({
        status: GrpcStatus.UNIMPLEMENTED,
        message: `${this.#url} takes WebSockets and does not speak ${PROTOCOL}: it is no Sluice gateway.`,
        failure: 'not-sluice',
      });
      return;
    }
    this.#limit?.cancel();
    this.#state = 'open';
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    for (const body of early) socket.send(body);
  }

  #lookIn(delayMs: number): void {
    this.#look ??= this.#options.clock.setTimeout(() => {
      this.#look = undefined;
      const bytes = this.#waitingBytes;
      if (bytes <= LOW_WATER_BYTES) this.#events.onWritable();
      else this.#lookIn(bytes < this.#lookedBytes ? FIRST_LOOK_MS : Math.min(2 * delayMs, LAST_LOOK_MS));
      this.#lookedBytes = bytes;
    }, delayMs);
  }

  /** A page of HTTPS may open no plain WebSocket; else the platform finds the URL or the subprotocols wrong. */
  #refused(error: unknown): CallEnd {
    const insecure = error instanceof Error && error.name === 'SecurityError';
    return {
      ...unreachable(this.#url, errorText(error)),
      ...(insecure && { failure: 'tls-mismatch' }),
    };
  }

  #endSoon(end: CallEnd): void {
    this.#over();
    this.#options.clock.setImmediate(() => {
      this.#events.onEnd(end);
    });
  }

  #over(): void {
    this.#state = 'over';
    this.#options.calls.delete(this);
    this.#early = [];
    this.#earlyBytes = 0;
    this.#limit?.cancel();
    this.#look?.cancel();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // The package ws throws what nobody listens for.
    socket.onerror = () => undefined;
  }
}

const CANCELLED: CallEnd = { status: GrpcStatus.CANCELLED, message: 'The call was cancelled.' };

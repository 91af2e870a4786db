import type { Clock } from '../../core/clock.js';
import { decodeMessage } from '../../wire/codec.js';
import { controlMessage, type WireError } from '../../wire/messages.js';
import type { CallEnd, CallEvents, ClientCall } from '../client-contract.js';
import type { CallMethod } from '../contract.js';
import { bodyOf } from './body-of.js';
import { SocketCall, type SocketClose, type SocketEvents, type SocketOptions } from './socket-call.js';
import { endOfClose, lost } from './socket-end.js';
import type { SocketRequest } from './socket-request.js';

/** What is held of a call that is paused. */
const MAX_HELD_BODIES = 256;
const MAX_HELD_BYTES = 1024 * 1024;

/**
 * A call that is no stream of the session protocol, on a WebSocket of its own.
 * Nothing stops a page's WebSocket from reading: while the call is paused what
 * comes is held, and when that is too much the WebSocket is closed. The call
 * then ends as broken, behind what was held, once it is read again: whoever
 * follows a topic asks for what comes after.
 */
export class SocketBytesCall implements ClientCall, SocketEvents {
  readonly #method: CallMethod;
  readonly #address: string;
  readonly #clock: Clock;
  readonly #events: CallEvents;
  readonly #call: SocketCall;
  #isHalfClosed = false;
  #isPaused = false;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isGiving = false;
  #isOver = false;
  /** Told behind what is held. */
  #end: CallEnd | undefined;
  /** A close may follow it that says less. */
  #last: Uint8Array | undefined;

  constructor(
    method: CallMethod,
    address: string,
    request: SocketRequest,
    options: SocketOptions,
    events: CallEvents,
  ) {
    this.#method = method;
    this.#address = address;
    this.#clock = options.clock;
    this.#events = events;
    this.#call = new SocketCall(options, request, this);
  }

  send(body: Uint8Array): boolean {
    return !this.#isHalfClosed && this.#call.send(body as Uint8Array<ArrayBuffer>);
  }

  halfClose(): void {
    if (this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    // Of the others the first message is the last.
    if (this.#method === 'Ingest') this.#call.send(bodyOf(controlMessage({ action: 'close' })));
  }

  cancel(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#isPaused = false;
    this.#call.cancel();
    this.#giveSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#giveSoon();
  }

  onBody(body: Uint8Array): void {
    this.#last = body;
    if (!this.#isPaused && this.#held.length === 0) {
      this.#events.onBody(body);
      return;
    }
    this.#held.push(body);
    this.#heldBytes += body.length;
    if (this.#held.length > MAX_HELD_BODIES || this.#heldBytes > MAX_HELD_BYTES)
      this.#call.cancel(lost(this.#address));
  }

  onWritable(): void {
    this.#events.onWritable();
  }

  onClose(close: SocketClose): void {
    this.onEnd(endOfClose(close, this.#address, this.#toldLast()));
  }

  onEnd(end: CallEnd): void {
    this.#end = end;
    this.#give();
  }

  /** Never from within a call of whoever is told. */
  #giveSoon(): void {
    if (this.#isGiving || (this.#held.length === 0 && this.#end === undefined)) return;
    this.#isGiving = true;
    this.#clock.setImmediate(() => {
      this.#isGiving = false;
      this.#give();
    });
  }

  #give(): void {
    while (!this.#isPaused) {
      const body = this.#held.shift();
      if (body === undefined) break;
      this.#heldBytes -= body.length;
      this.#events.onBody(body);
    }
    if (this.#end === undefined || this.#held.length > 0 || this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd(this.#end);
  }

  /** The gateway's whole sentence, where it has said it before it closed. */
  #toldLast(): WireError | undefined {
    const body = this.#last;
    if (this.#method !== 'Subscribe' || body === undefined) return undefined;
    try {
      const { control } = decodeMessage(body, 0, body.length);
      return control?.action === 'error' ? control : undefined;
    } catch {
      return undefined;
    }
  }
}

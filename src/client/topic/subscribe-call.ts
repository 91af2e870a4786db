import type { Timer } from '../../core/clock.js';
import type { CallEnd, ClientCall } from '../../transport/client-contract.js';
import { decodeMessage } from '../../wire/codec.js';
import { type DataMessage, PROTOCOL_VERSION, type Welcome } from '../../wire/messages.js';
import { encodeSubscribeRequest } from '../../wire/topic-codec.js';
import type { SubscribeRequest } from '../../wire/topic-messages.js';
import { newerProtocol } from '../connection/end-error.js';
import { callError, unreadable } from './call-error.js';
import type { CallHost, CallPlace } from './call-host.js';
import { ClientError } from '../client-error.js';

/** A gateway is given up when it says nothing for so many of its heartbeat intervals. */
const SILENT_INTERVALS = 2;

/** One call of Subscribe: from its request to its end, or until the gateway falls silent. */
export class SubscribeCall {
  /** Why it is over; undefined where the topic has ended, or after `cancel`. Never rejects. */
  readonly ended: Promise<ClientError | undefined>;
  /** The gateway has answered. */
  wasAnswered = false;
  readonly #host: CallHost;
  readonly #place: CallPlace;
  readonly #onMessage: (message: DataMessage) => void;
  readonly #call: ClientCall;
  /** How long the gateway may be silent; 0: for ever. */
  #patienceMs: number;
  #heardAtMs: number;
  #watch: Timer | undefined;
  #isPaused = false;
  #isOver = false;
  #resolveEnded: (error: ClientError | undefined) => void = () => undefined;

  constructor(
    host: CallHost,
    place: CallPlace,
    request: SubscribeRequest,
    onMessage: (message: DataMessage) => void,
  ) {
    this.#host = host;
    this.#place = place;
    this.#onMessage = onMessage;
    this.#patienceMs = host.connectTimeoutMs;
    this.#heardAtMs = host.clock.now();
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#call = place.connector.call('Subscribe', place.metadata, {
      onBody: (body) => {
        this.#take(body);
      },
      onWritable: () => undefined,
      onEnd: (end) => {
        this.#callEnded(end);
      },
    });
    this.#call.send(encodeSubscribeRequest(request));
    this.#call.halfClose();
    this.#armWatch(this.#patienceMs);
  }

  pause(): void {
    this.#isPaused = true;
    this.#call.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heardAtMs = this.#host.clock.now();
    this.#call.resume();
  }

  /** Idempotent. */
  cancel(): void {
    this.#over(undefined);
    this.#call.cancel();
  }

  #take(body: Uint8Array): void {
    if (this.#isOver) return;
    this.#heardAtMs = this.#host.clock.now();
    let message: DataMessage;
    try {
      message = decodeMessage(body, 0, body.length);
    } catch (error) {
      this.#giveUp(unreadable(this.#place, 'Subscribe', error));
      return;
    }
    if (message.control?.action === 'welcome') this.#welcomed(message.control);
    if (!this.wasAnswered) {
      this.wasAnswered = true;
      // Until Welcome says how often there is a heartbeat, none is missed.
      if (message.control?.action !== 'welcome') this.#patienceMs = 0;
    }
    if (!this.#hasEnded()) this.#onMessage(message);
  }

  #welcomed({ heartbeatIntervalMs, protocolVersion }: Welcome): void {
    this.#patienceMs = heartbeatIntervalMs * SILENT_INTERVALS;
    this.#watch?.cancel();
    if (this.#patienceMs > 0) this.#armWatch(this.#patienceMs);
    if (protocolVersion <= PROTOCOL_VERSION) return;
    this.#giveUp(newerProtocol(this.#place.connector.address, protocolVersion));
  }

  #armWatch(delayMs: number): void {
    const { clock } = this.#host;
    this.#watch = clock.setTimeout(() => {
      if (this.#patienceMs === 0) return;
      // Of one that is not read nothing can be heard.
      const silentMs = this.#isPaused ? 0 : clock.now() - this.#heardAtMs;
      if (silentMs < this.#patienceMs) this.#armWatch(this.#patienceMs - silentMs);
      else this.#giveUp(this.#silent());
    }, delayMs);
  }

  #silent(): ClientError {
    const { connector } = this.#place;
    connector.renew();
    const text = `The gateway at ${connector.address} has said nothing for ${this.#patienceMs} ms`;
    return this.wasAnswered
      ? new ClientError('CONNECTION_LOST', `${text}.`)
      : new ClientError('UNREACHABLE', `${text} in answer to Subscribe.`);
  }

  #giveUp(error: ClientError): void {
    this.#over(error);
    this.#call.cancel();
  }

  #callEnded(end: CallEnd): void {
    if (this.#isOver) return;
    this.#over(end.status === 0 ? undefined : callError(this.#host, this.#place, 'Subscribe', end));
  }

  #over(error: ClientError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.cancel();
    this.#resolveEnded(error);
  }

  #hasEnded(): boolean {
    return this.#isOver;
  }
}

import type { Clock, Timer } from '../core/clock.js';
import type { Passage } from '../flow/circuit-breaker.js';
import type {
  BackendConnector,
  BackendStream,
  CallEnd,
  CallMetadata,
  StreamEvents,
} from '../transport/client-contract.js';
import type { DataMessage } from '../wire/messages.js';
import { isCutOff, verdictOf, type Verdict } from './stream-verdict.js';

/** The method that a backend serves: proto/sluice/v1/session.proto. */
const HANDLE_PATH = '/sluice.v1.SessionService/Handle';

/** What a link calls; nothing after `onLost`, `leave` and `drop`. */
export interface LinkEvents {
  onMessages(messages: readonly DataMessage[]): void;
  onWritable(): void;
  /** It stands: the backend has said something, or has had the stream for a while without ending it. */
  onStands(): void;
  onLost(verdict: Verdict): void;
}

/** The address that a link leads to. */
export interface LinkHost {
  readonly address: string;
  readonly clock: Clock;
  readonly connector: BackendConnector;
  /** A stream that has not failed for so long stands, though nothing was said on it. */
  readonly standsAfterMs: number;
  /** The stream is over. */
  ended(link: BackendLink, end: CallEnd): void;
}

/** One session's stream at one backend. Its outcome is what the address's circuit breaker goes by. */
export class BackendLink implements StreamEvents {
  readonly #host: LinkHost;
  readonly #passage: Passage;
  readonly #stream: BackendStream;
  #events: LinkEvents | undefined;
  /** Until it stands; then of `leave`. */
  #timer: Timer | undefined;
  #stands = false;
  #over = false;

  constructor(host: LinkHost, passage: Passage, metadata: CallMetadata, events: LinkEvents) {
    this.#host = host;
    this.#passage = passage;
    this.#events = events;
    this.#stream = host.connector.stream(HANDLE_PATH, metadata, this);
    this.#timer = host.clock.setTimeout(() => {
      this.#standing();
    }, host.standsAfterMs);
  }

  get address(): string {
    return this.#host.address;
  }

  /** False: wait for `onWritable`. */
  send(messages: readonly DataMessage[]): boolean {
    return this.#stream.send(messages);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** The session is over: says so, and gives the stream up if the backend does not end it in time. */
  leave(graceMs: number): void {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#timer?.cancel();
    if (!this.#stands) this.#passage.abandoned();
    this.#stream.halfClose();
    // What still comes is thrown away.
    this.#stream.resume();
    this.#timer = this.#host.clock.setTimeout(() => {
      this.#stream.cancel();
    }, graceMs);
  }

  /** Gives the stream up at once. `blames`: the backend failed. */
  drop(blames: boolean): void {
    this.#events = undefined;
    this.#timer?.cancel();
    if (blames) this.#passage.failed();
    else this.#passage.abandoned();
    this.#stream.cancel();
  }

  // --- what the stream says ---

  onMessages(messages: readonly DataMessage[]): void {
    // The session has left: it is the grace that runs now.
    if (this.#events === undefined) return;
    this.#standing();
    this.#events.onMessages(messages);
  }

  onWritable(): void {
    this.#events?.onWritable();
  }

  onEnd(end: CallEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    const events = this.#events;
    this.#events = undefined;
    const verdict = verdictOf(end);
    // After the first word these change nothing.
    if (verdict.kind !== 'lost') this.#passage.succeeded();
    else if (!verdict.blames || events === undefined) this.#passage.abandoned();
    else if (isCutOff(end)) this.#passage.cutOff();
    else this.#passage.failed();
    this.#host.ended(this, end);
    events?.onLost(verdict);
  }

  #standing(): void {
    if (this.#stands) return;
    this.#stands = true;
    this.#timer?.cancel();
    this.#passage.succeeded();
    this.#events?.onStands();
  }
}

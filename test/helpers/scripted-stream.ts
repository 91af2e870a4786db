/** A proxied call whose client the test plays by hand, on a clock moved by hand. */
import type { Clock } from '../../src/core/clock.js';
import type { StreamClose } from '../../src/transport/contract.js';
import type {
  ProxiedReceiver,
  ProxiedStream,
  RelayedEnd,
  RelayedHeaders,
} from '../../src/transport/proxy-contract.js';

export class ScriptedStream implements ProxiedStream {
  path = '/test.Shapes/Chat';
  readonly carrier = 'memory';
  readonly peer = '127.0.0.1:1';
  readonly contentType = 'application/grpc+x';
  readonly headers: RelayedHeaders;
  readonly deadlineAtMs: number | undefined;
  readonly sent: Uint8Array[] = [];
  readonly #clock: Clock;
  receiver: ProxiedReceiver | undefined;
  bytesHeld = 0;
  bytesInFlight = 0;
  /** False: what is sent stays in flight until `takes`. */
  takesAll = true;
  isPaused = true;
  responded: RelayedHeaders | undefined;
  ended: RelayedEnd | undefined;
  isReset = false;

  constructor(clock: Clock, headers: RelayedHeaders = [], deadlineAtMs?: number) {
    this.#clock = clock;
    this.headers = headers;
    this.deadlineAtMs = deadlineAtMs;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.sent);
  }

  respond(headers: RelayedHeaders): void {
    this.responded = headers;
  }

  send(chunk: Uint8Array): void {
    this.sent.push(chunk);
    if (!this.takesAll) this.bytesInFlight += chunk.length;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** As a client that takes everything sees it: the status comes once nothing is in flight. */
  end(end: RelayedEnd): void {
    if (this.ended !== undefined) return;
    this.ended = end;
    this.#endIfTaken();
  }

  reset(): void {
    if (this.isReset) return;
    this.isReset = true;
    this.#clock.setImmediate(() => {
      this.closes('reset');
    });
  }

  // --- what the client does ---

  says(chunk: Uint8Array): void {
    if (this.isPaused) throw new Error('a paused stream brings nothing');
    this.receiver?.onChunk(chunk);
  }

  halfCloses(): void {
    this.receiver?.onHalfClose();
  }

  takes(bytes = this.bytesInFlight): void {
    this.bytesInFlight -= bytes;
    this.receiver?.onWritten();
    this.#endIfTaken();
  }

  closes(close: StreamClose): void {
    const { receiver } = this;
    this.receiver = undefined;
    receiver?.onClose(close);
  }

  #endIfTaken(): void {
    if (this.ended === undefined || this.bytesInFlight > 0) return;
    this.#clock.setImmediate(() => {
      this.closes('ended');
    });
  }
}

import type { Socket } from 'node:net';

/** What a network does to what goes one way. */
export interface Quality {
  /** How long each byte is under way. */
  readonly latencyMs: number;
  /** Added to that, at random between 0 and this; what was sent first still arrives first. */
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
}

export const PERFECT: Quality = { latencyMs: 0, jitterMs: 0, bytesPerSecond: Infinity };

/** The state of one direction, shared by all connections; changed at will. */
export interface Way {
  quality: Quality;
  /** Nothing arrives, not even that the other side has left; nothing is lost either. */
  frozen: boolean;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** As much is under way at a time, as in the buffers of two kernels; then the sender is stopped. */
const MOST_UNDER_WAY_BYTES = 256 * 1024;

interface Parcel {
  /** Undefined: the sender's orderly end. */
  readonly chunk: Buffer | undefined;
  readonly dueMs: number;
}

/** One direction of one connection. */
export class FaultyPipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #way: Way;
  /** May pass on less than it is given, and stop the pipe. */
  readonly #pass: (chunk: Buffer) => void;
  #underWay: Parcel[] = [];
  #bytes = 0;
  #lineFreeMs = 0;
  #lastDueMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #blocked = false;
  #stopped = false;

  constructor(from: Socket, to: Socket, way: Way, pass: (chunk: Buffer) => void) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    this.#pass = pass;
    from.on('data', this.#take);
    from.on('end', this.#takeEnd);
    to.on('drain', this.#unblock);
  }

  /** Writes to the far end; what there is no room for holds back the rest. */
  write(chunk: Buffer): void {
    if (chunk.length > 0 && !this.#to.write(chunk)) this.#blocked = true;
  }

  /** Something about the way has changed. */
  look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#stopped && !this.#way.frozen && !this.#blocked) {
      const [next] = this.#underWay;
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.look();
        }, waitMs);
        break;
      }
      this.#underWay.shift();
      this.#bytes -= next.chunk?.length ?? 0;
      if (next.chunk === undefined) this.#to.end();
      else this.#pass(next.chunk);
    }
    if (!this.#stopped && this.#bytes < MOST_UNDER_WAY_BYTES) this.#from.resume();
  }

  /** Passes on nothing more. Returns what was under way. */
  stop(): Buffer[] {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#from.off('data', this.#take).off('end', this.#takeEnd);
    this.#to.off('drain', this.#unblock);
    const rest = this.#underWay.flatMap(({ chunk }) => chunk ?? []);
    this.#underWay = [];
    return rest;
  }

  readonly #take = (chunk: Buffer): void => {
    const { quality, frozen } = this.#way;
    const idle = this.#underWay.length === 0 && !this.#blocked && !frozen;
    if (idle && quality === PERFECT) {
      this.#pass(chunk);
      if (this.#blocked && !this.#stopped) this.#from.pause();
      return;
    }
    this.#bytes += chunk.length;
    this.#send(chunk);
    if (this.#bytes >= MOST_UNDER_WAY_BYTES) this.#from.pause();
  };

  readonly #takeEnd = (): void => {
    this.#send(undefined);
  };

  #send(chunk: Buffer | undefined): void {
    const { latencyMs, jitterMs, bytesPerSecond } = this.#way.quality;
    const nowMs = performance.now();
    this.#lineFreeMs = Math.max(nowMs, this.#lineFreeMs) + ((chunk?.length ?? 0) / bytesPerSecond) * 1_000;
    const dueMs = this.#lineFreeMs + latencyMs + this.#way.random() * jitterMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs);
    this.#underWay.push({ chunk, dueMs: this.#lastDueMs });
    if (this.#timer === undefined) this.look();
  }

  readonly #unblock = (): void => {
    this.#blocked = false;
    this.look();
  };
}

/** Above the budget until this share of it is reached from above: else it would be crossed with every message. */
const RELIEVED_SHARE = 0.9;

/**
 * What a message that is held takes beside its own bytes, in memory: the object,
 * its place in a list, the view of its data (bench/micro/session-memory.ts).
 * Else messages without any bytes would cost nothing, however many there are.
 */
export const MESSAGE_OVERHEAD_BYTES = 256;

/** Told when the budget is crossed, either way; from within `add`: look now, act later. */
export interface ByteAccountEvents {
  onExceeded(): void;
  onRelieved(): void;
}

/**
 * The bytes that are buffered, in all, against one budget. Whoever buffers adds
 * what it holds and subtracts what it lets go.
 */
export class ByteAccount {
  readonly budgetBytes: number;
  readonly relievedBytes: number;
  #events: ByteAccountEvents | undefined;
  #bytes = 0;
  #exceeded = false;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
    this.relievedBytes = Math.floor(budgetBytes * RELIEVED_SHARE);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether more is held than the budget allows, and since then not yet less than nine tenths of it. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  watch(events: ByteAccountEvents): void {
    this.#events = events;
  }

  /** Adds what is held from now on; negative for what is let go. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#exceeded) {
      if (this.#bytes > this.relievedBytes) return;
      this.#exceeded = false;
      this.#events?.onRelieved();
    } else if (this.#bytes > this.budgetBytes) {
      this.#exceeded = true;
      this.#events?.onExceeded();
    }
  }
}

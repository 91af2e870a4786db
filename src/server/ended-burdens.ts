/**
 * How long what an ended stream was sent before may go yet. Its client has a
 * second to take it, then the stream is reset; as long again, for all may be late.
 */
const GOING_MS = 2_000;

interface Going {
  /** Looked at anew each time: it falls as its client takes it, and to 0 with the reset. */
  readonly heldBytes: () => number;
  readonly untilMs: number;
}

/**
 * Those who were ended to make room. Most free at once what they hold; what is
 * under way to a slow client goes a little later, and nobody else has to go for
 * it meanwhile. What is held for longer than that counts again as anybody's.
 */
export class EndedBurdens {
  /** For good: to end one of them again would free nothing. */
  readonly #all = new WeakSet();
  readonly #going = new Set<Going>();
  #lookedAtMs = -Infinity;

  has(burden: object): boolean {
    return this.#all.has(burden);
  }

  /** Whether something is going, as far as was seen at the last look. */
  get areGoing(): boolean {
    return this.#going.size > 0;
  }

  /** It has just been ended; `heldBytes` says what it holds still. Returns how much that is now. */
  add(burden: object, heldBytes: () => number, nowMs: number): number {
    this.#all.add(burden);
    const bytes = heldBytes();
    if (bytes > 0) this.#going.add({ heldBytes, untilMs: nowMs + GOING_MS });
    return bytes;
  }

  /** How many bytes go by themselves. Called at every look: it forgets what is gone, or late. */
  look(nowMs: number): number {
    // Where this look is late, so are the resets: who is late was so at the look before.
    const beforeMs = this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    let bytes = 0;
    for (const going of this.#going) {
      const held = going.heldBytes();
      if (held > 0 && beforeMs < going.untilMs) bytes += held;
      else this.#going.delete(going);
    }
    return bytes;
  }

  clear(): void {
    this.#going.clear();
  }
}

import { SluiceError } from '../core/errors.js';

/** The most messages that may be held at a time, over all sessions of the route. */
const MAX_HELD = 10_000;

/** Messages whose handling waits until another message, of whatever session, releases them by name. */
export class ConformanceHolds {
  readonly #byName = new Map<string, Set<() => void>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Calls `released` once somebody releases `name`. Returns what takes it back. Throws ROUTE_FAILED when too many are held. */
  hold(name: string, released: () => void): () => void {
    if (this.#size >= MAX_HELD) {
      throw new SluiceError('ROUTE_FAILED', `hold: ${MAX_HELD} messages are held already`);
    }
    const held = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, held.add(released));
    this.#size += 1;
    return () => {
      if (!held.delete(released)) return;
      this.#size -= 1;
      if (held.size === 0 && this.#byName.get(name) === held) this.#byName.delete(name);
    };
  }

  /** Throws ROUTE_FAILED when nothing is held under this name: who asks too early is to know. */
  release(name: string): void {
    const held = this.#byName.get(name);
    if (held === undefined) throw new SluiceError('ROUTE_FAILED', 'release: nothing is held by this name');
    this.#byName.delete(name);
    this.#size -= held.size;
    const all = [...held];
    held.clear();
    for (const released of all) released();
  }
}

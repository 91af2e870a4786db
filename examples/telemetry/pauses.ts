/** How often something was held up, and for how long in all. */
export class Pauses {
  #count = 0;
  #ms = 0;
  #since: number | undefined;

  /** Called again while it is held, or while it is not, changes nothing. */
  set(isHeld: boolean): void {
    const now = performance.now();
    if (isHeld && this.#since === undefined) {
      this.#count += 1;
      this.#since = now;
    } else if (!isHeld && this.#since !== undefined) {
      this.#ms += now - this.#since;
      this.#since = undefined;
    }
  }

  /** The pause that lasts among them. */
  get figures(): PauseFigures {
    const lasting = this.#since === undefined ? 0 : performance.now() - this.#since;
    return { count: this.#count, ms: this.#ms + lasting };
  }
}

export interface PauseFigures {
  readonly count: number;
  readonly ms: number;
}

interface Range {
  from: number;
  to: number;
  readonly reason: string;
}

/**
 * Why sequences were lost, by ranges in ascending order. Adjoining ranges are
 * one, under the reason of the first, save at the client's position: what lies
 * before it has been told, what follows is a Gap of its own.
 *
 * As each range ends where a message is held (or at the position, or at the
 * end), there are at most two more of them than messages held.
 */
export class LostRanges {
  readonly #ranges: Range[] = [];
  /** Where two ranges adjoin and were left apart: the position when the last range was added. */
  #seam: number | undefined;

  get count(): number {
    return this.#ranges.length;
  }

  /** Why this sequence was lost, where that is remembered. */
  reasonAt(sequence: number): string | undefined {
    const range = this.#ranges[this.#indexAt(sequence)];
    return range !== undefined && range.from <= sequence ? range.reason : undefined;
  }

  /** Remembers a range in the place of all that it touches; `position` is the client's. */
  add(from: number, to: number, reason: string, position: number): void {
    const ranges = this.#ranges;
    const seam = this.#seam;
    this.#seam = undefined;
    let index = this.#indexAt(from);
    let end = index;
    for (let next = ranges[end]; next !== undefined && next.from <= to; next = ranges[end]) end += 1;
    const before = ranges[index - 1];
    if (end === index && before?.to === from - 1 && before.to !== position) {
      // The usual case: another drop behind the last.
      before.to = to;
      index -= 1;
    } else {
      ranges.splice(index, end - index, { from, to, reason });
    }
    this.#join(index, position);
    this.#join(index - 1, position);
    if (seam !== undefined) this.#join(this.#indexAt(seam), position);
  }

  /** Forgets what ends at or before this sequence. */
  forget(through: number): void {
    const ranges = this.#ranges;
    let count = 0;
    for (let range = ranges[0]; range !== undefined && range.to <= through; range = ranges[count]) count += 1;
    if (count > 0) ranges.splice(0, count);
  }

  clear(): void {
    this.#ranges.length = 0;
    this.#seam = undefined;
  }

  /** The first range that ends at or after this sequence. */
  #indexAt(sequence: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { to } = this.#ranges[middle] as Range;
      if (to < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes one of a range and the next, if they adjoin and the position is not between them. */
  #join(index: number, position: number): void {
    const left = this.#ranges[index];
    const right = this.#ranges[index + 1];
    if (left === undefined || right?.from !== left.to + 1) return;
    if (left.to === position) {
      this.#seam = position;
      return;
    }
    left.to = right.to;
    this.#ranges.splice(index + 1, 1);
  }
}

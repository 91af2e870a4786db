/** The mean of each name's values. */
export class Averages {
  count = 0;
  readonly #sums = new Map<string, { count: number; sum: number }>();

  /** What is wrong with a measurement; undefined where nothing is. */
  static faultOf(name: string, value: number): string | undefined {
    if (name === '') return 'a measurement has no name';
    return Number.isFinite(value) ? undefined : `${name} is ${value}, which is no number`;
  }

  add(name: string, value: number): void {
    const of = this.#sums.get(name) ?? { count: 0, sum: 0 };
    this.#sums.set(name, of);
    of.count += 1;
    of.sum += value;
    this.count += 1;
  }

  /** So many names there are. */
  get names(): number {
    return this.#sums.size;
  }

  byName(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, { count, sum }]) => [name, sum / count]));
  }
}

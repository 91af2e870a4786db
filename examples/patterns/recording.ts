import type { Series } from '../kit/chart.js';

/** Numbers looked at again and again, by name: the lines of a chart. */
export class Recording {
  readonly #tracks = new Map<string, { readonly value: () => number; readonly points: [number, number][] }>();

  track(name: string, value: () => number): void {
    this.#tracks.set(name, { value, points: [] });
  }

  sample(atSeconds: number): void {
    for (const { value, points } of this.#tracks.values()) points.push([atSeconds, value()]);
  }

  series(name: string, as = name): Series {
    return { name: as, points: this.#tracks.get(name)?.points ?? [] };
  }

  /** How far one is below another. */
  behind(name: string, first: string, as: string): Series {
    const firsts = this.#tracks.get(first)?.points ?? [];
    const points = (this.#tracks.get(name)?.points ?? []).map(
      ([at, value], index) => [at, (firsts[index]?.[1] ?? 0) - value] as const,
    );
    return { name: as, points };
  }

  most(name: string): number {
    return Math.max(...(this.#tracks.get(name)?.points ?? []).map(([, value]) => value));
  }
}

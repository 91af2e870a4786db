import type { Figures } from './figures.js';
import { residentBytes } from './proc.js';

const SAMPLE_MS = 100;

/** Looks at the resident memory of a process, from its making until `stop`. Without /proc it knows nothing. */
export class RssSampler {
  readonly #samples: number[] = [];
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    this.#sample();
    this.#timer = setInterval(() => {
      this.#sample();
    }, SAMPLE_MS);
  }

  figures(): Figures {
    this.#sample();
    return rssFigures(this.#samples);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const bytes = residentBytes(this.#pid);
    if (bytes !== undefined) this.#samples.push(bytes);
  }
}

/** Growth: the last third of the run to its middle third, so that neither warming up nor one sample decides. */
export function rssFigures(samples: readonly number[]): Figures {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return {};
  const third = Math.floor(samples.length / 3);
  const growth =
    third === 0 ? {} : { rssGrowth: mean(samples.slice(-third)) / mean(samples.slice(third, 2 * third)) };
  return {
    rssBeforeBytes: first,
    rssMaxBytes: Math.max(...samples),
    rssEndBytes: last,
    ...growth,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

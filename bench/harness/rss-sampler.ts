import type { Figures } from './figures.js';
import { residentBytes } from './proc.js';

const SAMPLE_MS = 100;

/** Looks at the resident memory of a process, from its making until `stop`. Without /proc it knows nothing. */
export class RssSampler {
  readonly #samples: number[] = [];
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #from = 0;
  #to: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
    this.#sample();
    this.#timer = setInterval(() => {
      this.#sample();
    }, SAMPLE_MS);
  }

  /** The measured interval begins: growth is of it alone. Of several beginnings the last counts. */
  begin(): void {
    this.#from = this.#samples.length;
    this.#to = undefined;
  }

  /** It ends. */
  end(): void {
    this.#sample();
    this.#to = this.#samples.length;
  }

  figures(): Figures {
    this.#sample();
    return rssFigures(this.#samples, this.#from, this.#to);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const bytes = residentBytes(this.#pid);
    if (bytes !== undefined) this.#samples.push(bytes);
  }
}

/**
 * Largest: of all samples. Growth: the last third of the measured ones, from `from` to before `to`, to their
 * middle third, so that neither warming up nor one sample decides.
 */
export function rssFigures(samples: readonly number[], from = 0, to = samples.length): Figures {
  const first = samples[0];
  if (first === undefined) return {};
  const measured = samples.slice(from, to);
  const third = Math.floor(measured.length / 3);
  const growth =
    third === 0 ? {} : { rssGrowth: mean(measured.slice(-third)) / mean(measured.slice(third, 2 * third)) };
  return { rssBeforeBytes: first, rssMaxBytes: Math.max(...samples), ...growth };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

import { describe, test } from 'vitest';
import { Skipped } from './skipped.js';

interface Named {
  readonly name: string;
}

/** What there is to be played, and how one case is played with one source. */
export interface Suite<Source extends Named, Case extends Named> {
  readonly sections: readonly { readonly title: string; readonly cases: readonly Case[] }[];
  /** Rejects with what is wrong, or with `Skipped`. */
  readonly play: (source: Source, one: Case) => Promise<void>;
}

/** Every case as a test, with each of these; what can't be judged there is skipped, by name. */
export function describeCases<Source extends Named, Case extends Named>(
  sources: readonly Source[],
  { sections, play }: Suite<Source, Case>,
): void {
  describe.each(sources)('$name', (source) => {
    describe.each(sections)('$title', ({ cases }) => {
      test.for(cases)('$name', async (one, { skip }) => {
        try {
          await play(source, one);
        } catch (error) {
          if (error instanceof Skipped) skip(error.message);
          throw error;
        }
      });
    });
  });
}

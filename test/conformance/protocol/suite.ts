import { describe, test } from 'vitest';
import { play } from './case.js';
import { sections } from './cases/index.js';
import { Skipped, type TargetSource } from './target.js';

/** Every case as a test, over each of these; what can't be judged there is skipped, by name. */
export function describeProtocol(sources: readonly TargetSource[]): void {
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

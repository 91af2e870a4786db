import { describe, test } from 'vitest';
import { play } from './case.js';
import { sections } from './cases/index.js';
import { Skipped, type SubjectSource } from './subject.js';

/** Every case as a test, with each of these clients; what can't be judged with one is skipped, by name. */
export function describeClients(sources: readonly SubjectSource[]): void {
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

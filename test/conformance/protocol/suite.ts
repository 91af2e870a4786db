import { describeCases } from '../describe-cases.js';
import { play } from './case.js';
import { sections } from './cases/index.js';
import type { TargetSource } from './target.js';

/** Every case as a test, over each of these; of some sections, by title, where they are named. */
export function describeProtocol(sources: readonly TargetSource[], titles?: readonly string[]): void {
  const some = titles === undefined ? sections : sections.filter(({ title }) => titles.includes(title));
  describeCases(sources, { sections: some, play });
}

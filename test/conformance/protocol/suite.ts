import { describeCases } from '../describe-cases.js';
import { play } from './case.js';
import { sections } from './cases/index.js';
import type { TargetSource } from './target.js';

/** Every case as a test, over each of these. */
export function describeProtocol(sources: readonly TargetSource[]): void {
  describeCases(sources, { sections, play });
}

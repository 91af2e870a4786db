import { describeCases } from '../describe-cases.js';
import { play } from './case.js';
import { sections } from './cases/index.js';
import type { SubjectSource } from './subject.js';

/** Every case as a test, with each of these clients. */
export function describeClients(sources: readonly SubjectSource[]): void {
  describeCases(sources, { sections, play });
}

/**
 * Every test, and every file, must leave nothing behind. Runs first in each
 * test file's process. Tests of one file run one after another (no
 * `test.concurrent`), else one test's resources would be blamed on another.
 */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { assertSettled, installLeakCheck, takeSnapshot } from './leak-check.js';

installLeakCheck();
let ofFile = takeSnapshot();

beforeAll(() => {
  // What a file's imports hold for as long as the process lives is theirs.
  ofFile = takeSnapshot();
});

beforeEach(({ onTestFinished }) => {
  const ofTest = takeSnapshot();
  // The first registered runs last: after the test's own afterEach and onTestFinished.
  onTestFinished(async () => {
    await assertSettled(ofTest);
  });
});

afterAll(async () => {
  await assertSettled(ofFile);
});

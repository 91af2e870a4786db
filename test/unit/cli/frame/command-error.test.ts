import { expect, test } from 'vitest';
import { OutputGone } from '../../../../src/cli/frame/command-error.js';

test.each([
  ['EPIPE', false, true, 141],
  ['EPIPE', true, true, 141],
  // A terminal that was closed; a disk that failed.
  ['EIO', true, true, 141],
  ['EIO', false, false, 1],
  ['ENOSPC', false, false, 1],
])('%s of a terminal or not: %s', (code, isTerminal, isClosed, exitCode) => {
  const gone = new OutputGone(Object.assign(new Error(`${code}: write`), { code }), { isTerminal });
  expect(gone).toMatchObject({ isClosed, exitCode });
});

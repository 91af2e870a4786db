import { expect, it } from 'vitest';
import { haveSameServers, source } from '../../../bench/harness/environment.js';

const here = source();

it.skipIf(here === undefined)(
  'a commit has the same servers as itself, and as none that git does not know',
  () => {
    expect(haveSameServers(here, here)).toBe(true);
    expect(haveSameServers(here, { commit: '0'.repeat(12), changed: false })).toBe(false);
    expect(haveSameServers(here, undefined)).toBe(false);
  },
);

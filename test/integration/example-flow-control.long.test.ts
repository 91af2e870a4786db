/** examples/flow-control, run as its README says, in its short form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runExample } from '../helpers/run-example.js';

describe('examples/flow-control', () => {
  it('proves what each policy loses, and that nobody else notices', { timeout: 150_000 }, async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('flow-control');
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved).toHaveLength(14);
    for (const policy of ['drop-oldest', 'drop-newest', 'conflate', 'block', 'disconnect', 'Pause']) {
      expect(
        proved.some((what) => what.startsWith(policy)),
        policy,
      ).toBe(true);
    }
    expect(readFileSync(join(pictures, 'flow-control.svg'), 'utf8')).toContain('Quote seen (number)');
  });
});

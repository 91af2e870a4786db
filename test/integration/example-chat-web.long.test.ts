/** examples/chat-web, run as its README says, in its short form: a page in Chromium, a gRPC client and curl. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runExample } from '../helpers/run-example.js';

const PROVED = [
  'the page shows every line, in the order of the room',
  'the gRPC client has every line, in the same order',
  'curl follows every line as server-sent events, in the same order',
  'the cut cost the page nothing',
];
const KIB = 1_024;

describe('examples/chat-web', { timeout: 150_000 }, () => {
  it('proves that all see all lines in one order', async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('chat-web');
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved).toEqual(PROVED);
    for (const name of ['chat-web.png', 'chat-web-dark.png'])
      expect(statSync(join(pictures, name)).size).toBeLessThan(100 * KIB);
  });
});

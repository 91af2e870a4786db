/** examples/telemetry, run as its README says, in its short form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runExample } from '../helpers/run-example.js';

describe('examples/telemetry', () => {
  it('proves that everybody waits, nothing piles up and nothing is lost', { timeout: 150_000 }, async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('telemetry');
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved).toEqual([
      'a channel never holds more than its limit, and was full',
      'by the channel every client was held',
      'by HTTP/2 every client was held',
      'at write every client was held',
      'what is under way is bounded, and so the time to the ack',
      'each event is acked once, in order',
      'the gateway lost nothing',
      'memory of the gateway stays flat',
    ]);
    expect(readFileSync(join(pictures, 'telemetry.svg'), 'utf8')).toContain('Channel of a client (events)');
  });
});

/** examples/patterns, run as its README says, in its short form. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogFile } from '../../examples/patterns/log-file.js';
import { followFile } from '../../examples/patterns/services/follow-file.js';
import { runExample } from '../helpers/run-example.js';

describe('examples/patterns', () => {
  it('shows the same through the proxy, and what the native form adds', { timeout: 150_000 }, async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('patterns');
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved).toEqual([
      'the same client sees the same directly and through the gateway',
      'the native routes say the same',
      'who comes later hears the last that was said, and is told who is there',
      'a session changes its filter in mid-stream',
      'a reader who would rather lose lines than hold anybody back is told how many',
      'a proxied call ends with its connection, and what is written until the client has called again it has not seen',
      'asking again since the last line, which this service offers, misses nothing, and brings lines twice',
      'the native session goes on, each line once and in order, with nothing done about it',
      'a slow reader holds back the reading of the file through the proxy, and misses nothing',
      'a slow reader holds back the reading of the file natively, and misses nothing',
      'a listener in the proxied chat misses what is said while its link is cut, a native one nothing',
      'a proxied upload begins anew after the cut, a native session counts on',
      'a call that its client leaves, or loses, ends at the service',
    ]);
    expect(readFileSync(join(pictures, 'patterns.svg'), 'utf8')).toContain('by the native route');
  });

  it.each([1, 2, 3, 4, 5])('follows a log over rotations, whenever they come (%i)', async (round) => {
    const folder = mkdtempSync(join(tmpdir(), 'patterns-follow-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const log = new LogFile(join(folder, 'app.log'));
    log.begin();
    const read: string[] = [];
    const reading = (async () => {
      const { signal } = new AbortController();
      for await (const line of followFile(log.path, { from: 0, follow: true, signal })) {
        if (line === 'the end') return;
        read.push(line);
        // Sometimes the writer is far ahead, files even.
        if (read.length % (300 * round) === 0) for (let n = 0; n < 200; n += 1) await setImmediate();
      }
    })();
    const written: string[] = [];
    for (let n = 0; n < 3_000; n += 1) {
      // Longer than a chunk's half now and then, and cut within a character.
      const line = `${n} ${'é'.repeat(n % 97 === 0 ? 20_000 : (n * round) % 50)}`;
      written.push(line);
      const bytes = Buffer.from(`${line}\n`);
      const cut = (n * 7 * round) % bytes.length;
      appendFileSync(log.path, bytes.subarray(0, cut));
      if (n % (11 * round) === 0) await setImmediate();
      appendFileSync(log.path, bytes.subarray(cut));
      if (n % 400 === 37 * round) log.rotate();
    }
    appendFileSync(log.path, 'the end\n');
    await reading;
    expect(read.length).toBe(written.length);
    expect(read.findIndex((line, n) => line !== written[n])).toBe(-1);
  });
});

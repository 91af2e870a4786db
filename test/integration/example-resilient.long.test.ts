/** examples/resilient, run as its README says, in its short form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { breaks } from '../../examples/resilient/breaks.js';
import { runExample } from '../helpers/run-example.js';

describe('examples/resilient', () => {
  it('breaks clients in every way, shows the line of each, and nobody else loses anything', async () => {
    const { exitCode, proved, failed, pictures, output } = await runExample('resilient', 240_000);
    expect(failed, output).toEqual([]);
    expect(exitCode, output).toBe(0);
    expect(proved.toSorted()).toEqual(
      [
        '300 connections, each with a session',
        'number 301 is refused politely',
        'an operator reads in the log of every way to break',
        '… and sees it in a metric',
        'two rooms share a connection, and who stands still in one misses nothing in the other, and knows what he missed',
        'who asks for more than its rate is held back, and loses nothing',
        'a chat is resumed where it was, with its history, and every line comes once, also those said meanwhile',
        'a file transfer is paused, loses its network, goes on, and the file is the same',
        'a network that fails for one in ten costs nobody a message, nor a session',
        'a drain tells everybody',
        'bystanders lost nothing all the while',
      ].toSorted(),
    );
    for (const { what, line } of breaks) {
      expect(output).toContain(`a client ${what}`);
      expect(output).toContain(`"${line}"`);
    }
    expect(readFileSync(join(pictures, 'resilient.svg'), 'utf8')).toContain('Connections and sessions (now)');
  });
});

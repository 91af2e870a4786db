import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LogOutput } from '../../../src/config/log-output.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
/** An output to a new file, and what that file holds. */
function toFile(maxWaitingBytes?: number): {
  output: LogOutput;
  told: string[];
  content: () => string;
  [Symbol.dispose]: () => void;
} {
  files += 1;
  const path = join(folder, String(files));
  const fd = openSync(path, 'w');
  const told: string[] = [];
  const options = { tell: (line: string) => void told.push(line) };
  return {
    output: new LogOutput(fd, maxWaitingBytes === undefined ? options : { ...options, maxWaitingBytes }),
    told,
    content: () => readFileSync(path, 'utf8'),
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

test('every line is written, in order', async () => {
  using file = toFile();
  const lines = Array.from({ length: 5_000 }, (_, n) => `${String(n)} ü\n`);
  for (const line of lines) file.output.write(line);
  await expect.poll(file.content).toBe(lines.join(''));
  file.output.write('later\n');
  await expect.poll(file.content).toBe(`${lines.join('')}later\n`);
  expect(file.told).toEqual([]);
});

test('what the output does not take in time is bounded, dropped and told', async () => {
  using file = toFile(100);
  // The first is handed to the system at once; the others wait.
  for (let n = 0; n < 12; n += 1) file.output.write(`${'x'.repeat(19)}\n`);
  await expect.poll(() => file.told).toEqual([expect.stringMatching(/^log: 6 lines dropped/)]);
  await expect.poll(file.content).toHaveLength(6 * 20);
});

test('a flush writes what waits before it returns', async () => {
  using file = toFile();
  file.output.write('first\n');
  file.output.write('second\n');
  file.output.write('third\n');
  file.output.flushSync();
  expect(file.content()).toContain('second\nthird\n');
  await expect.poll(file.content).toContain('first\n');
});

describe('an output that can not be written', () => {
  test('is given up, told once, and costs nothing else', async () => {
    const fd = openSync('/dev/full', 'w');
    const told: string[] = [];
    const output = new LogOutput(fd, { tell: (line) => void told.push(line) });
    output.write('a\n');
    await expect.poll(() => told).toEqual([expect.stringContaining('ENOSPC')]);
    output.write('b\n');
    output.flushSync();
    expect(told).toHaveLength(1);
    closeSync(fd);
  });

  test('also when a flush is the first to find out', () => {
    const fd = openSync('/dev/full', 'w');
    const told: string[] = [];
    const output = new LogOutput(fd, { tell: (line) => void told.push(line) });
    output.write('handed over\n');
    output.write('waits\n');
    output.flushSync();
    expect(told).toEqual([expect.stringContaining('ENOSPC')]);
    closeSync(fd);
  });

  test('a process that logs and exits at once does so, with both of its outputs full', () => {
    const script = `
      import { createLogger } from './src/config/logger.ts';
      import { loadConfig } from './src/config/load.ts';
      const logger = createLogger(loadConfig().config);
      for (let n = 0; n < 10; n += 1) logger.info('x');
      logger.fatal('y');
      process.exit(3);`;
    const full = openSync('/dev/full', 'w');
    const { status, signal } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      { stdio: ['ignore', full, full], timeout: 25_000, killSignal: 'SIGKILL' },
    );
    closeSync(full);
    expect({ status, signal }).toEqual({ status: 3, signal: null });
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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

describe('a pipe as standard output', () => {
  // More than a pipe holds, less than is kept waiting.
  const LINES = 2_000;
  const script = `
    import { createLogger } from './src/config/logger.ts';
    import { loadConfig } from './src/config/load.ts';
    const logger = createLogger(loadConfig().config);
    for (let n = 0; n < ${String(LINES)}; n += 1) logger.info({ n, pad: 'x'.repeat(400) }, 'line');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e'];

  test('brings every line, in order, to a slower reader', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, script], {
      encoding: 'utf8',
      maxBuffer: 4 * 1024 * 1024,
      timeout: 25_000,
    });
    const read = stdout.trimEnd().split('\n');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(read.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
      Array.from({ length: LINES }, (_, n) => n),
    );
  });

  test('whose reader has stopped does not keep the process from ending', async () => {
    const child = spawn(process.execPath, [...args, `${script}\nlogger.flush();`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      // Nobody reads its standard output.
      const exit = once(child, 'exit');
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      expect(await exit).toEqual([0, null]);
      await expect.poll(() => stderr).toMatch(/^sluice: log: .*given up: EAGAIN/);
    } finally {
      child.kill('SIGKILL');
      child.stdout.destroy();
    }
  });
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

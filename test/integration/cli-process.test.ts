/** What a process owes its surroundings: signals, pipes that close, faults. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FIXTURE = new URL('../helpers/fixtures/command-under-test.ts', import.meta.url).pathname;

class Running implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly child;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(command: string) {
    this.child = spawn(process.execPath, ['--import', 'tsx', FIXTURE, command], { stdio: 'pipe' });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(this.child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  async said(text: string): Promise<void> {
    await expect.poll(() => this.stdout, { timeout: 20_000 }).toContain(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}

describe.skipIf(process.platform === 'win32')('a command', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('leaves properly on %s, with a summary', async (signal, code) => {
    await using running = new Running('wait');
    await running.said('waiting\n');
    running.child.kill(signal);
    expect(await running.exit).toEqual({ code, signal: null });
    expect(running.stdout).toBe('waiting\nsummary\n');
    expect(running.stderr).toBe('restored\n');
  });

  it('ends at once on a second signal, and restores what it had changed', async () => {
    await using running = new Running('stubborn');
    await running.said('waiting\n');
    running.child.kill('SIGINT');
    await running.said('no\n');
    running.child.kill('SIGTERM');
    expect(await running.exit).toEqual({ code: 143, signal: null });
    expect(running.stderr).toBe('restored\n');
  });

  it('ends quietly where nobody reads on', async () => {
    await using running = new Running('flood');
    await running.said('line 5\n');
    running.child.stdout.destroy();
    expect(await running.exit).toEqual({ code: 141, signal: null });
    expect(running.stderr).toBe('');
  });

  it('restores before it tells of a fault of its own, without what moves the cursor', async () => {
    await using running = new Running('crash');
    expect(await running.exit).toEqual({ code: 70, signal: null });
    expect(running.stderr).toMatch(
      /^restored\nRangeError: a fault of ours\\u\{1b\}\[2J\nand\\u\{d\}more\n {4}at /,
    );
  });

  it('lets go of an input that stays open', async () => {
    await using running = new Running('first');
    running.child.stdin.write('some');
    expect(await running.exit).toEqual({ code: 0, signal: null });
    expect(running.stdout).toBe('read 4\n');
  });
});

const FULL = '/dev/full';
describe.skipIf(!existsSync(FULL))('a command whose output can not be written', () => {
  it.each([
    ['--version', 1],
    ['help send', 1],
    ['completion bash', 1],
    ['config print', 1],
    ['help nonsense', 64],
  ])('fails, and says why: sluice %s', (line, code) => {
    const out = openSync(FULL, 'w');
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'src/main.ts', ...line.split(' ')],
      { stdio: ['ignore', out, 'pipe'], encoding: 'utf8' },
    );
    closeSync(out);
    expect(status).toBe(code);
    expect(stderr).toMatch(code === 1 ? /^sluice: the output can not be written: ENOSPC.*\n$/ : /no command/);
  });
});

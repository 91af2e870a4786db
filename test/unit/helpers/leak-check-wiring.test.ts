import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

it('fails the test, or the file, that left something, and no other', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-leaks-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const output = join(folder, 'report.json');
  const exitCode = await new Promise<unknown>((resolve) => {
    const args = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'test/helpers/fixtures/vitest.fixture.config.ts',
    ];
    execFile(
      process.execPath,
      [...args, '--reporter=json', `--outputFile=${output}`],
      { env: { ...process.env, LEAK_SETTLE_MS: '100' } },
      (error) => {
        resolve(error?.code ?? 0);
      },
    );
  });
  const report = JSON.parse(await readFile(output, 'utf8')) as Report;
  const outcome = new Map(
    report.testResults.flatMap((file) =>
      file.assertionResults.map((test) => [
        test.fullName,
        [test.status, test.failureMessages.join('\n')] as const,
      ]),
    ),
  );

  expect(exitCode).toBe(1);
  expect(outcome.get('leaves a timer')?.[1]).toMatch(/timer: 3600000 ms, made .*leaky\.fixture\.ts/);
  expect(outcome.get('leaves a server')?.[1]).toMatch(/server: .*"port":\d+/);
  expect(outcome.get('leaves an unhandled rejection')?.[1]).toMatch(
    /unhandled rejection: .*nobody handles this/,
  );
  expect(outcome.get('leaves too many listeners')?.[1]).toMatch(/MaxListenersExceededWarning/);
  expect(outcome.get('leaves nothing after its own clean-up')?.[0]).toBe('passed');
  expect(outcome.get('leaves nothing though the test before it did')?.[0]).toBe('passed');
  const file = report.testResults.find((each) => each.name.includes('leaky-file'));
  expect(file?.status).toBe('failed');
});

import { expect, it } from 'vitest';
import { runProcess } from '../helpers/run-process.js';

it('examples/testing-a-route passes, run as its users run it', async () => {
  const { exitCode, stdout, stderr } = await runProcess(
    process.execPath,
    ['--import', 'tsx', '--test', '--test-reporter', 'tap', 'examples/testing-a-route/sum-route.test.ts'],
    { timeoutMs: 60_000 },
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^# pass 5$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});

/** examples/kit: what an example starts and keeps is gone when it is, also where it fails. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runProcess } from '../helpers/run-process.js';

it.each([
  ['that ends early', 'process.exit(3)'],
  ['that fails', 'throw new Error("no")'],
])('an example %s leaves no process and no folder', async (_, end) => {
  const kit = resolve('examples/kit');
  const script = `
    import { spawn } from 'node:child_process';
    import { takenAlong } from '${kit}/child-process.ts';
    import { TemporaryFolder } from '${kit}/temporary-folder.ts';
    const { path } = new TemporaryFolder('kit-test-');
    const child = takenAlong(spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }));
    await new Promise((resolve) => child.once('spawn', resolve));
    process.stdout.write(JSON.stringify({ path, pid: child.pid }), () => { ${end} });
  `;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout, stderr, exitCode } = await runProcess(process.execPath, args, { timeoutMs: 60_000 });
  expect(exitCode, stderr).not.toBe(0);
  const { path, pid } = JSON.parse(stdout) as { readonly path: string; readonly pid: number };
  expect(existsSync(path)).toBe(false);
  await expect.poll(() => isThere(pid)).toBe(false);
});

/** Running; what has ended and nobody has looked after yet is a zombie. */
function isThere(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

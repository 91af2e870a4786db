/** A module that leaves something open keeps no process whose gateway has ended. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GatewayProcess } from '../helpers/gateway-process.js';

const LEFT = 'setInterval(() => undefined, 1e6);';
const MODULE = `export default { message() {} };\n${LEFT}`;

async function withModule(code: string, run: (args: string[]) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-left-open-'));
  try {
    const path = join(folder, 'route.mjs');
    writeFileSync(path, code);
    const routes = { echo: { kind: 'echo' }, left: { kind: 'module', path } };
    await run(['--routes', JSON.stringify(routes)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('after a drain', async () => {
  await withModule(MODULE, async (args) => {
    await using gateway = await GatewayProcess.ready(args);
    gateway.signal('SIGTERM');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(gateway.stderr).toContain('close it in `stop`');
  });
});

test('after a start that failed', async () => {
  await withModule(`${LEFT} throw new Error('no database');`, async (args) => {
    await using gateway = new GatewayProcess(args);
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    expect(gateway.stderr).toContain('no database');
  });
});

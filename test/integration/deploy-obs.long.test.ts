/** `npm run obs`, `obs:stop` and `obs:snapshot`, with an engine that only says what it was asked for, and with none. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProcess, type RunResult } from '../helpers/run-process.js';

const SECRETS = { GRAFANA_ADMIN_PASSWORD: 'open sesame', RENDERER_TOKEN: 'token' };
const TSX = resolve('node_modules/tsx/dist/loader.mjs');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'obs-'));
  mkdirSync(join(folder, 'bin'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** An engine that answers, and writes down what it was asked for: arguments, then what compose would fill in. */
function installEngine(name: 'docker' | 'podman'): void {
  const script = `#!/bin/sh\necho "$* $GRAFANA_PORT $STOCK_PORT $GRAFANA_ADMIN_PASSWORD" >> '${join(folder, 'asked')}'\n`;
  writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 });
}

async function obs(command: string, env: Readonly<Record<string, string>> = SECRETS): Promise<RunResult> {
  // Of the machine's programs only what the engine's script is run by.
  symlinkSync('/bin/sh', join(folder, 'bin/sh'));
  const args = ['--import', TSX, resolve('deploy/obs.ts'), command];
  return runProcess(process.execPath, args, {
    timeoutMs: 60_000,
    cwd: folder,
    env: { GRAFANA_ADMIN_PASSWORD: '', RENDERER_TOKEN: '', ...env, PATH: join(folder, 'bin') },
  });
}

const asked = (): string => readFileSync(join(folder, 'asked'), 'utf8');

describe('npm run obs', () => {
  it('says what is missing where nothing runs containers', async () => {
    for (const command of ['up', 'stop']) {
      expect(await obs(command)).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: 'no container engine answers here: it takes docker or podman, with its compose command\n',
      });
      rmSync(join(folder, 'bin/sh'));
    }
  });

  it('fills what is to be filled, and starts it all with the settings', async () => {
    installEngine('docker');
    const { exitCode, stdout } = await obs('up', { ...SECRETS, GRAFANA_PORT: '3999' });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'Grafana: http://127.0.0.1:3999, user admin\n',
    });
    const compose = `compose --file ${join(dirname(resolve('deploy/obs.ts')), 'compose.yaml')}`;
    expect(asked()).toContain(`${compose} up --detach --build --wait 3999 50061 open sesame\n`);
    expect(readFileSync('deploy/.filled/prometheus.yml', 'utf8')).toContain('gateway:9464');
  });

  it('ends it', async () => {
    installEngine('podman');
    expect(await obs('stop')).toMatchObject({ exitCode: 0 });
    expect(asked()).toMatch(/compose\.yaml down 3000 50061/);
  });

  it('has Grafana draw each dashboard', async () => {
    const requests: string[] = [];
    const grafana = createServer((request, response) => {
      requests.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      response.end('a picture');
    });
    await new Promise<void>((listening) => grafana.listen(0, '127.0.0.1', listening));
    try {
      const { port } = grafana.address() as AddressInfo;
      const { exitCode, stdout } = await obs('snapshot', { ...SECRETS, GRAFANA_PORT: String(port) });
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: 'written: stock.png\nwritten: sluice.png\n',
      });
      const authorization = `Basic ${Buffer.from('admin:open sesame').toString('base64')}`;
      expect(requests.map((each) => each.replace(/\?\S*/, ''))).toEqual([
        `/render/d/stock ${authorization}`,
        `/render/d/sluice ${authorization}`,
      ]);
      expect(readFileSync(join(folder, 'stock.png'), 'utf8')).toBe('a picture');
    } finally {
      grafana.closeAllConnections();
      grafana.close();
    }
  });
});

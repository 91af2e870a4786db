/** A Chromium without a window, of the PATH or as CHROMIUM_PATH names it. */
import { spawnSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';

/** Nothing of it reaches for the network by itself. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @throws Error that says what to install. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? onThePath('chromium');
  if (executablePath === undefined)
    throw new Error(
      'There is no Chromium: install it (Debian: apt-get install chromium), or name it by CHROMIUM_PATH',
    );
  return await chromium.launch({ executablePath, args: FLAGS });
}

function onThePath(command: string): string | undefined {
  const { status, stdout } = spawnSync('which', [command], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

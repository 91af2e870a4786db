/** examples/authorization-service, run as it says, asked by the gateway's own callout. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { AuthorizationCallout, type CalloutResult } from '../../src/auth/authorization-callout.js';
import { SystemClock } from '../../src/core/clock.js';
import { anonymousIdentity } from '../helpers/anonymous-identity.js';
import { RecordingLogger } from '../helpers/recording-logger.js';
import { runProcess } from '../helpers/run-process.js';

const PROGRAM = 'examples/authorization-service/main.mjs';
const SECRET = 'an-unguessable-text';

async function startService() {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, SECRET, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const [line] = (await once(lines, 'line')) as [string];
  return {
    url: line.replace('answering at ', ''),
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'close');
      child.kill('SIGKILL');
      await exited;
      lines.close();
    },
  };
}

function asking(url: string, secret: string) {
  const folder = mkdtempSync(join(tmpdir(), 'callout-'));
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
  const clock = new SystemClock();
  const callout = new AuthorizationCallout({
    settings: {
      ...{ url, secretFile, timeoutMs: 10_000, cacheMs: 10_000, maxCached: 100, maxConcurrent: 4 },
      ...{ maxWaiting: 100, failOpen: false, breakerFailures: 5, breakerPauseMs: 5_000 },
    },
    ...{ reloadIntervalMs: 60_000, nodeId: 'gw-1', clock, logger: new RecordingLogger() },
    counts: new Map<CalloutResult, number>(),
  });
  const { signal } = new AbortController();
  const ask = {
    connect: async (id: string) => callout.connect(anonymousIdentity(id), 'unix', signal),
    open: async (id: string, route: string, subject: string) =>
      callout.open(anonymousIdentity(id), { sessionId: 's1', route, subject }, 'unix', signal),
  };
  return {
    ...ask,
    [Symbol.dispose]() {
      callout.close();
      rmSync(folder, { recursive: true });
      expect(clock.activeTimers).toBe(0);
    },
  };
}

describe('examples/authorization-service', () => {
  it('decides by its rules', async () => {
    await using service = await startService();
    using gateway = asking(service.url, SECRET);
    expect(await gateway.connect('ann')).toEqual({ allow: true });
    expect(await gateway.connect('mallory')).toEqual({ allow: false, reason: 'this account is closed' });
    await gateway.open('bob', 'chat', 'room-1');
    for (const [route, subject, message] of [
      ['chat', 'room-2', 'you are not a member of room-2'],
      ['chat', 'nowhere', 'you are not a member of nowhere'],
      ['echo', 'room-1', 'only chat can be opened here'],
    ] as const) {
      const denied = { code: 'PERMISSION_DENIED', message };
      await expect(gateway.open('bob', route, subject)).rejects.toMatchObject(denied);
    }
  });

  it('answers nobody who does not know the secret, and no nonsense', async () => {
    await using service = await startService();
    using stranger = asking(service.url, 'a-guess');
    await expect(stranger.connect('ann')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    const post = async (body: string) => {
      const headers = { authorization: `Bearer ${SECRET}`, connection: 'close' };
      const response = await fetch(service.url, { method: 'POST', headers, body });
      return `${response.status} ${await response.text()}`;
    };
    for (const body of ['', 'yes', '{"version":2}', `"${'x'.repeat(20_000)}"`, 'null']) {
      expect(await post(body)).toMatch(/^400 /);
    }
    expect(await post('{"version":1,"event":"connect","client":{"id":"ann"}}')).toMatch(/^200 {"allow":true/);
    expect(await post('{"version":1,"event":"something newer"}')).toMatch(/^200 {"allow":false/);
  });

  it('does not start without a secret', async () => {
    const result = await runProcess(process.execPath, [PROGRAM], {
      ...{ timeoutMs: 60_000, env: { SECRET: '' } },
    });
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

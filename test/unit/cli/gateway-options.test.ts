import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { defineCommand } from '../../../src/cli/frame/command.js';
import { parseCommand } from '../../../src/cli/frame/parse.js';
import { GATEWAY_OPTIONS, type GatewayAccess, gatewayAccess } from '../../../src/cli/gateway-options.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-gateway-options-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const command = defineCommand({
  name: 'try',
  group: 'talk',
  summary: 'Try',
  options: GATEWAY_OPTIONS,
  examples: [{ line: 'sluice try', does: 'Tries.' }],
  run: () => Promise.resolve(0),
});

async function access(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<GatewayAccess> {
  const parsed = parseCommand(command, argv, env);
  if (parsed.help) throw new Error('help was asked for');
  return gatewayAccess(parsed.args.options as Parameters<typeof gatewayAccess>[0]);
}

test('without any: the gateway on this machine, in plain text, as nobody', async () => {
  expect(await access([])).toEqual({
    addresses: ['localhost:50051'],
    token: undefined,
    clientId: undefined,
    tls: undefined,
  });
});

test('addresses with commas, tokens and the ID', async () => {
  expect(await access(['-a', 'a:1, b:2,unix:/c', '--token', 't', '--client-id', 'me'])).toMatchObject({
    addresses: ['a:1', 'b:2', 'unix:/c'],
    token: 't',
    clientId: 'me',
  });
  expect(await access([], { SLUICE_ADDRESS: 'a:1', SLUICE_TOKEN: 'u' })).toMatchObject({
    addresses: ['a:1'],
    token: 'u',
  });
  for (const wrong of ['a:1,', ',', 'a b']) {
    await expect(access(['--address', wrong])).rejects.toMatchObject({ exitCode: 64 });
  }
});

test('a file of a token goes before the variable, and is read anew each time', async () => {
  const path = file('token', ' one\n');
  const { token } = await access(['--token-file', path], { SLUICE_TOKEN: 'other' });
  if (typeof token !== 'function') throw new Error('it is read once');
  expect(await token()).toBe('one');
  writeFileSync(path, 'two');
  expect(await token()).toBe('two');
  writeFileSync(path, '\n');
  await expect(token()).rejects.toMatchObject({
    exitCode: 66,
    message: `--token-file = "${path}": it is empty`,
  });
  writeFileSync(path, 'Bearer S3CRET');
  await expect(token()).rejects.toMatchObject({
    exitCode: 66,
    message: `--token-file = "${path}": it holds something else than a token: at most 16384 bytes of printable ASCII without spaces, and without "Bearer "`,
  });
});

test('TLS: asked for, or implied by what only it has', async () => {
  const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => file(`${name}.pem`, name)) as [
    string,
    string,
    string,
  ];
  expect((await access(['--tls'])).tls).toEqual({});
  expect((await access(['--tls-name', 'gateway'])).tls).toEqual({ serverName: 'gateway' });
  expect((await access(['--tls-ca', ca, '--tls-cert', cert, '--tls-key', key])).tls).toEqual({
    ca: Buffer.from('ca'),
    cert: Buffer.from('cert'),
    key: Buffer.from('key'),
  });
});

test('what is no token is named by where it came from, and not shown', async () => {
  const what =
    'expected a token: at most 16384 bytes of printable ASCII without spaces, and without "Bearer " (see: sluice help try)';
  for (const wrong of ['Bearer S3CRET', 'é', 'a\n', 'x'.repeat(16_385)]) {
    await expect(access(['--token', wrong])).rejects.toMatchObject({
      exitCode: 64,
      message: `--token: ${what}`,
    });
    await expect(access([], { SLUICE_TOKEN: wrong })).rejects.toMatchObject({
      exitCode: 64,
      message: `SLUICE_TOKEN: ${what}`,
    });
  }
});

test.each([
  [['--tls-cert', 'x'], 64, /a certificate and its key belong together: --tls-key is missing/],
  [['--tls-key', 'x'], 64, /--tls-cert is missing/],
  [['--tls-ca', '/nowhere/ca.pem'], 66, /^--tls-ca = "\/nowhere\/ca\.pem": there is no such file$/],
  [['--token-file', '/'], 66, /^--token-file = "\/": it is a directory$/],
])('%j', async (argv, exitCode, message) => {
  await expect(access(argv)).rejects.toMatchObject({
    exitCode,
    message: expect.stringMatching(message) as string,
  });
});

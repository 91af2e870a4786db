/** The script is run by the very shell that users have. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { flagName } from '../../src/cli/frame/option.js';
import { runSluice } from '../helpers/command-io.js';

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What bash offers for each line, which is cut where Tab is pressed. */
async function offered(lines: readonly (readonly string[])[]): Promise<string[][]> {
  const { code, out } = await runSluice(['completion', 'bash']);
  expect(code).toBe(0);
  const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  const tries = lines.map(
    (words) =>
      `COMP_WORDS=(sluice ${words.map(quote).join(' ')}); COMP_CWORD=${String(words.length)}; _sluice; echo "\${COMPREPLY[*]}"`,
  );
  const { stdout, stderr, status } = spawnSync('bash', ['--noprofile', '--norc'], {
    input: `set -u\n${out}\n${tries.join('\n')}\n`,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

describe.skipIf(!has('bash'))('bash', () => {
  it.each<[readonly string[], readonly string[]]>([
    [[''], [...COMMANDS.map(({ name }) => name), '--help', '--version']],
    [['st'], ['status']],
    [
      ['config', ''],
      ['check', 'print'],
    ],
    [['config', 'p'], ['print']],
    [['config', 'check', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['help', 'se'], ['serve', 'send'].filter((name) => COMMANDS.some((command) => command.name === name))],
    [
      ['status', '--output', ''],
      ['text', 'json'],
    ],
    [['status', '-o', 'j'], ['json']],
    [
      ['status', '--output', '='],
      ['text', 'json'],
    ],
    [['status', '--output', '=', 't'], ['text']],
    [
      ['top', '--output', '=', 'json', '--sort', 'send'],
      ['sendQueue', 'sendRate'],
    ],
    [
      ['top', '--slow', '--sort', 'r'],
      ['receiveQueue', 'receiveRate'],
    ],
    [['top', '--admin', 'gateway-3', '--sl'], ['--slow']],
    [['top', '--admin', ''], []],
    [['serve', '--pool.maxConnectionsP'], ['--pool.maxConnectionsPerClient']],
    [['serve', '--config', 'config/def'], ['config/default.yaml']],
    [['nothing', ''], []],
  ])('sluice %j', async (words, expected) => {
    expect(await offered([words])).toEqual([expected]);
  });

  it('offers every option of every command', async () => {
    const all = await offered(COMMANDS.map(({ name }) => [name, '--']));
    for (const [index, { options, name }] of COMMANDS.entries()) {
      const flags = Object.keys(options).map(flagName);
      expect(all[index], name).toEqual(expect.arrayContaining([...flags, '--help']));
    }
  });
});

describe.each([
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const)('%s', (shell, flags) => {
  it.skipIf(!has(shell))('takes its script', async () => {
    const { out } = await runSluice(['completion', shell]);
    const { status, stderr } = spawnSync(shell, [...flags], { input: out, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('knows every command and option', async () => {
    const { out } = await runSluice(['completion', shell]);
    for (const { name, options } of COMMANDS) {
      expect(out).toContain(name);
      for (const option of Object.keys(options)) {
        expect(out).toContain(shell === 'fish' ? `-l ${flagName(option).slice(2)} ` : flagName(option));
      }
    }
  });
});

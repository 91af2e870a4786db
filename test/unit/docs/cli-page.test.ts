import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands/index.js';
import { EXIT_CODES } from '../../../src/cli/frame/exit-codes.js';
import { flagName } from '../../../src/cli/frame/option.js';
import { commandsMarkdown } from '../../../src/cli/frame/reference.js';
import { COMMAND_VARIABLES } from '../../../src/config/sources/environment.js';

// `npm run docs` runs this file with --update, which writes what is compared here.

const PAGE = new URL('../../../docs/cli.md', import.meta.url).pathname;
const MARK = /^<!-- Generated from .* -->$/m;

test('docs/cli.md says what the commands declare', async () => {
  const page = readFileSync(PAGE, 'utf8');
  const mark = MARK.exec(page);
  expect(mark).not.toBeNull();
  const head = page.slice(0, mark!.index + mark![0].length);
  await expect(`${head}\n\n${commandsMarkdown(COMMANDS)}`).toMatchFileSnapshot(PAGE);
});

test('every command, option, variable and exit code is in it', () => {
  const generated = commandsMarkdown(COMMANDS);
  for (const { name, options, examples } of COMMANDS) {
    expect(generated).toContain(`### sluice ${name}\n`);
    for (const option of Object.keys(options)) expect(generated).toContain(flagName(option));
    for (const { line } of examples) expect(generated).toContain(line);
  }
  for (const { code } of Object.values(EXIT_CODES)) expect(generated).toContain(`| ${String(code)} | `);
  for (const variable of COMMAND_VARIABLES) expect(generated).toContain(variable);
});

test('no secret has a default that is shown', () => {
  for (const { options } of COMMANDS) {
    for (const option of Object.values(options))
      if (option.secret) expect(option.defaultValue).toBeUndefined();
  }
});

import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { clientClass } from '../../../src/config/client-classes.js';
import { defaultYaml, referenceMarkdown } from '../../../src/config/reference.js';
import { routeKinds } from '../../../src/config/route-kinds.js';
import { schema } from '../../../src/config/schema.js';
import { settingsOf } from '../../../src/config/setting.js';
import { loadConfig } from '../../../src/config/load.js';

// `npm run docs` runs this file with --update, which writes what is compared here.

const YAML = new URL('../../../config/default.yaml', import.meta.url).pathname;
const MARKDOWN = new URL('../../../docs/configuration.md', import.meta.url).pathname;
const MARK = /^<!-- Generated from .* -->$/m;

test('config/default.yaml is what the schema says', async () => {
  await expect(
    await format(defaultYaml(), { parser: 'yaml', printWidth: 110, singleQuote: true }),
  ).toMatchFileSnapshot(YAML);
});

test('config/default.yaml loads to the defaults', () => {
  expect(loadConfig({ argv: ['--config', YAML] }).config).toEqual(loadConfig().config);
});

test('the tables of docs/configuration.md are what the schema says', async () => {
  const page = readFileSync(MARKDOWN, 'utf8');
  const mark = MARK.exec(page);
  expect(mark).not.toBeNull();
  const head = page.slice(0, mark!.index + mark![0].length);
  await expect(`${head}\n\n${referenceMarkdown()}`).toMatchFileSnapshot(MARKDOWN);
});

test('every key is in both', () => {
  const [yaml, markdown] = [defaultYaml(), referenceMarkdown()];
  for (const { key, env } of settingsOf(schema)) {
    expect(yaml).toContain(`# ${env}: `);
    expect(markdown).toContain(`| \`${key}\`<br>\`${env}\` |`);
  }
});

test('every option of a class is in the reference', () => {
  const markdown = referenceMarkdown();
  expect(markdown).toContain('A class has options:\n\n| Option | Default |');
  for (const name of Object.keys(clientClass)) expect(markdown).toContain(`| \`${name}\` | `);
});

test('every option of a route is in the reference, with the kinds that have it', () => {
  const markdown = referenceMarkdown();
  const [, behind = ''] = markdown.split('Beside its kind a route has options:');
  const [table = ''] = behind.split('An upstream has options:');
  const kinds = Object.entries(routeKinds);
  for (const name of new Set(kinds.flatMap(([, options]) => Object.keys(options)))) {
    const of = kinds.filter(([, options]) => name in options).map(([kind]) => kind);
    // One row for each meaning that it has.
    const rows = [...table.matchAll(new RegExp(`^\\| \`${name}\` \\| ([^|]+) \\|`, 'gm'))];
    const told = rows.flatMap(([, kindsOfRow = '']) => kindsOfRow.split(', '));
    const expected = of.length === kinds.length && rows.length === 1 ? ['all'] : of;
    expect({ name, told: told.sort() }).toEqual({ name, told: expected.sort() });
  }
});

test.each(['development', 'production', 'test'])(
  'config/%s.yaml is right, and nothing to warn of',
  (name) => {
    const path = new URL(`../../../config/${name}.yaml`, import.meta.url).pathname;
    const { settings, sources, warnings } = loadConfig({ argv: ['--config', path] });
    expect(warnings).toEqual([]);
    expect(settings.some(({ key }) => sources(key).kind === 'file')).toBe(true);
  },
);

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const pages = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');

  it('links only to what there is', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const files = links.filter((link) => !/^(https?:|#)/.test(link)).map((link) => link.replace(/#.*$/, ''));
    expect(files.filter((file) => !existsSync(join(ROOT, dirname(page), file)))).toEqual([]);
  });

  it('names only npm scripts there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

it('the settings that pages name in code are keys of the configuration', async () => {
  const { settingsOf } = await import('../../../src/config/setting.js');
  const { schema } = await import('../../../src/config/schema.js');
  const keys = settingsOf(schema).map(({ key }) => key);
  const sections = [
    'server',
    'pool',
    'stream',
    'session',
    'memory',
    'health',
    'metrics',
    'admin',
    'auth',
    'log',
    'node',
    'edge',
    'balancers',
  ];
  const shaped = new RegExp(`\`((?:${sections.join('|')})\\.[a-zA-Z]+(?:\\.[a-zA-Z]+)*)\``, 'g');
  const known = (name: string): boolean => keys.some((key) => key === name || key.startsWith(`${name}.`));
  // Words of the code that look like keys: methods and fields of `session` and `pool`.
  const ofCode = new Set([
    'session.send',
    'session.hears',
    'session.signal',
    'session.end',
    'session.recent',
    'session.identity',
  ]);
  for (const page of pages) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const named = [...text.matchAll(shaped)]
      .map((match) => match[1] ?? '')
      .filter((name) => !ofCode.has(name));
    expect(
      named.filter((name) => !known(name)),
      page,
    ).toEqual([]);
  }
});

it('the metrics that pages name are those of the reference', () => {
  const reference = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  const names = [...reference.matchAll(/^\| `(sluice_\w+)`/gm)].map((match) => match[1] ?? '');
  expect(names.length).toBeGreaterThan(100);
  for (const page of pages) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const named = [...text.matchAll(/\bsluice_[a-z_]+/g)].map(([name]) => name);
    // One that ends so, as in `sluice_upstream_*`, means all of that beginning.
    const unknown = named.filter((name) =>
      name.endsWith('_') ? !names.some((each) => each.startsWith(name)) : !names.includes(name),
    );
    expect(unknown, page).toEqual([]);
  }
});

import { stringify } from 'yaml';
import type { Loaded } from './load.js';
import { showSource } from './mistake.js';
import { HIDDEN, type Plain } from './raw.js';
import type { NamedSetting } from './setting.js';

/**
 * The configuration as a YAML file that would load to the same, each value's
 * source in a comment; what is sensitive is masked.
 */
export function printConfig({ config, settings, sources }: Loaded<unknown>): string {
  let text = '';
  let openSections: readonly string[] = [];
  for (const { key, setting } of settings) {
    const sections = key.split('.');
    const name = sections.pop() ?? key;
    text += sectionLines(openSections, sections);
    openSections = sections;
    const plain = setting.sensitive ? HIDDEN : setting.format.print(valueAt(config, key), true);
    text += yamlEntry(name, plain, sections.length, showSource(sources(key)));
  }
  return text;
}

/** The lines that lead from one key's sections to the next one's. */
export function sectionLines(open: readonly string[], wanted: readonly string[]): string {
  const shared = wanted.findIndex((name, depth) => open[depth] !== name);
  if (shared < 0) return '';
  return wanted
    .slice(shared)
    .map((name, index) => `${'  '.repeat(shared + index)}${name}:\n`)
    .join('');
}

/** `name: value # comment`, indented; lists and maps go on below. */
export function yamlEntry(name: string, value: Plain, depth: number, comment?: string): string {
  const lines = stringify({ [name]: value }, { lineWidth: 0, aliasDuplicateObjects: false })
    .trimEnd()
    .split('\n');
  if (comment !== undefined) lines[0] = `${lines[0] ?? ''} # ${comment}`;
  return lines.map((line) => `${'  '.repeat(depth)}${line}\n`).join('');
}

/** The value of a key in a configuration of the schema that the key is from. */
function valueAt(config: unknown, key: NamedSetting['key']): unknown {
  let value = config;
  for (const name of key.split('.')) value = (value as Readonly<Record<string, unknown>>)[name];
  return value;
}

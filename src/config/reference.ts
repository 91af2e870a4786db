import { sectionLines, yamlEntry } from './print.js';
import type { Plain } from './raw.js';
import { clientClass } from './client-classes.js';
import type { Options } from './formats/options.js';
import type { RouteKinds } from './formats/routes.js';
import { proxyOptions } from './proxy-options.js';
import { rateLimitOptions } from './rate-limit-options.js';
import { routeKinds } from './route-kinds.js';
import { schema } from './schema.js';
import { type Children, type NamedSetting, type Section, type Setting, settingsOf } from './setting.js';
import { upstreamOptions } from './upstream-options.js';

const YAML_HEAD = `# Every key of the configuration, with its default. The gateway needs no file at all:
# start one of your own with the keys you change, and name it with --config or SLUICE_CONFIG.
# docs/configuration.md says how sources work together and how values are written.
# Generated from src/config/schema.ts.
`;

/** Where comments are broken, their indentation and "# " included. */
const YAML_WIDTH = 100;

/** The text of config/default.yaml: every key, commented. */
export function defaultYaml(): string {
  const sections = new Map(sectionsOf(schema));
  let text = YAML_HEAD;
  let open: readonly string[] = [];
  for (const { key, env, setting } of settingsOf(schema)) {
    const path = key.split('.');
    const name = path.pop() ?? key;
    text += '\n';
    for (let depth = 0; depth < path.length; depth += 1) {
      const shared = path.slice(0, depth + 1).every((part, index) => open[index] === part);
      if (shared) continue;
      text += comment(sections.get(path.slice(0, depth + 1).join('.'))?.doc ?? '', depth);
      text += sectionLines(path.slice(0, depth), path.slice(0, depth + 1));
    }
    open = path;
    text += comment(setting.doc, path.length);
    text += comment(`${env}: ${setting.format.summary}`, path.length);
    text +=
      setting.defaultNote === undefined
        ? yamlEntry(name, setting.format.print(setting.defaultValue), path.length)
        : `${'  '.repeat(path.length)}# ${name}: ${setting.defaultNote}\n`;
  }
  return text;
}

/** The generated part of docs/configuration.md: a table a section. */
export function referenceMarkdown(): string {
  const settings = settingsOf(schema);
  const topLevel = settings.filter(({ key }) => !key.includes('.'));
  const tables = sectionsOf(schema).map(([key, { doc }]) => {
    const own = settings.filter((named) => named.key.slice(0, named.key.lastIndexOf('.')) === key);
    const options = key === 'auth' ? `\n${optionsTable('A class has options', clientClass)}` : '';
    return `### ${key}\n\n${doc}\n\n${table(own)}${options}`;
  });
  return [
    ...tables,
    `### Routes\n\nWhat sessions talk to.\n\n${table(topLevel)}`,
    routeOptions(),
    optionsTable('An upstream has options', upstreamOptions),
    optionsTable('A proxy has options', proxyOptions),
    optionsTable('A rate limit has options', rateLimitOptions),
  ].join('\n');
}

function optionsTable(head: string, options: Options): string {
  const body = Object.entries(options).map(([name, { format, defaultValue, doc }]) =>
    row([`\`${name}\``, code(format.print(defaultValue)), format.summary, doc]),
  );
  const columns = row(['Option', 'Default', 'Allowed', 'Meaning']) + row(['---', '---', '---', '---']);
  return `${head}:\n\n${columns}${body.join('')}`;
}

/** What may stand beside `kind`: a table of all kinds' options. */
function routeOptions(): string {
  const kinds: RouteKinds = routeKinds;
  const rows = new Map<string, { readonly option: Setting<unknown>; readonly kinds: string[] }>();
  for (const [kind, options] of Object.entries(kinds)) {
    for (const [name, option] of Object.entries(options)) {
      // Kinds that share a meaning share a row.
      const row = rows.get(`${name} ${option.doc}`);
      if (row === undefined) rows.set(`${name} ${option.doc}`, { option, kinds: [kind] });
      else row.kinds.push(kind);
    }
  }
  const all = Object.keys(kinds).length;
  const body = [...rows].map(
    ([
      key,
      {
        option: { format, defaultValue, doc },
        kinds: of,
      },
    ]) =>
      row([
        `\`${key.slice(0, key.indexOf(' '))}\``,
        of.length === all ? 'all' : of.join(', '),
        code(format.print(defaultValue)),
        format.summary,
        doc,
      ]),
  );
  const head =
    row(['Option', 'Kinds', 'Default', 'Allowed', 'Meaning']) + row(['---', '---', '---', '---', '---']);
  return `Beside its kind a route has options:\n\n${head}${body.join('')}`;
}

function table(settings: readonly NamedSetting[]): string {
  const rows = settings.map(({ key, env, setting: { doc, format, defaultNote, defaultValue } }) => {
    const standard = defaultNote ?? code(format.print(defaultValue));
    return row([`\`${key}\`<br>\`${env}\``, standard, format.summary, doc]);
  });
  return `${row(['Key, variable', 'Default', 'Allowed', 'Meaning'])}${row(['---', '---', '---', '---'])}${rows.join('')}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function code(value: Plain): string {
  if (value === '') return 'empty';
  return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``;
}

/** Every section by its dotted name, in the schema's order. */
function sectionsOf(children: Children, prefix = ''): (readonly [key: string, section: Section<Children>])[] {
  return Object.entries(children).flatMap(([name, child]) =>
    child.type === 'section'
      ? [[`${prefix}${name}`, child] as const, ...sectionsOf(child.children, `${prefix}${name}.`)]
      : [],
  );
}

function comment(text: string, depth: number): string {
  const indent = `${'  '.repeat(depth)}#`;
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > YAML_WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += ` ${word}`;
  }
  return [...lines, line].map((each) => `${each}\n`).join('');
}

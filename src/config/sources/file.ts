import { errorText } from '../../core/error-text.js';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { ConfigMistake } from '../mistake.js';
import type { Names } from '../names.js';
import type { Raw, RawEntry } from '../raw.js';
import { didYouMean, type Findings, type Found } from './found.js';
import { parseYaml, type TextFault } from './yaml-text.js';

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/** Reads a YAML or JSON file, by its extension. */
export function readConfigFile(path: string, names: Names): Findings {
  const fault = (reason: string, line?: number): ConfigMistake => ({
    key: 'configuration file',
    source: { kind: 'file', path, line },
    reason,
  });
  const only = (...mistakes: ConfigMistake[]): Findings => ({ found: [], mistakes });

  const extension = extname(path).toLowerCase();
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    return only(fault('its name has to end in .yaml, .yml or .json'));
  }
  const content = readText(path);
  if ('refusal' in content) return only(fault(content.refusal));
  const jsonFault = extension === '.json' ? faultOfJson(content.text) : undefined;
  if (jsonFault !== undefined) return only(fault(`this is not JSON: ${jsonFault.message}`, jsonFault.line));
  // YAML does not take JSON's tabs; strings of JSON hold none, so none is lost.
  const parsed = parseYaml(extension === '.json' ? content.text.replaceAll('\t', ' ') : content.text);
  if ('faults' in parsed) {
    return only(...parsed.faults.map(({ message, line }) => fault(`this can not be read: ${message}`, line)));
  }
  if (parsed.raw.kind === 'none') return only();
  if (parsed.raw.kind !== 'map') return only(fault('expected keys and values: `log: {level: info}`'));
  return new FileWalk(path, names).walk(parsed.raw.entries);
}

function readText(path: string): { readonly text: string } | { readonly refusal: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return { text };
  } catch (error) {
    if (error instanceof TypeError) return { refusal: 'it is not text in UTF-8' };
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return { refusal: `it can not be read: ${SYSTEM_ERRORS[code] ?? String(error)}` };
  }
}

function faultOfJson(text: string): TextFault | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const message = errorText(error);
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length;
    return { message: message.replaceAll(/\s+/g, ' '), line };
  }
}

/** Goes down the sections of a file and collects its keys. */
class FileWalk {
  readonly #path: string;
  readonly #names: Names;
  readonly #found: Found[] = [];
  readonly #mistakes: ConfigMistake[] = [];

  constructor(path: string, names: Names) {
    this.#path = path;
    this.#names = names;
  }

  walk(entries: readonly RawEntry[]): Findings {
    this.#visitAll('', entries);
    return { found: this.#found, mistakes: this.#mistakes };
  }

  #visitAll(prefix: string, entries: readonly RawEntry[]): void {
    for (const { name, value } of entries) {
      const key = `${prefix}${name}`;
      if (name.includes('.') && this.#isKnown(key)) this.#refuseDotted(key, name, value);
      else this.#visit(key, value);
    }
  }

  #isKnown(key: string): boolean {
    return this.#names.byKey(key) !== undefined || this.#names.isSection(key);
  }

  /** Beside the nested key of the same name it would be a second value for one key, and neither the right one. */
  #refuseDotted(key: string, name: string, { line }: Raw): void {
    const parts = name.split('.');
    const nested = `${parts.join(': {')}: …${'}'.repeat(parts.length - 1)}`;
    const source = { kind: 'file', path: this.#path, line } as const;
    this.#mistakes.push({ key, source, reason: `keys of a file are nested: write ${nested}` });
  }

  #visit(key: string, raw: Raw): void {
    const source = { kind: 'file', path: this.#path, line: raw.line } as const;
    const named = this.#names.byKey(key);
    if (named !== undefined) {
      this.#found.push({ named, raw, source });
    } else if (!this.#names.isSection(key)) {
      const reason = didYouMean(
        'there is no such key',
        this.#names.nearestKey(key) ?? this.#names.nearestSection(key),
      );
      this.#mistakes.push({ key, source, reason });
    } else if (raw.kind === 'map') {
      this.#visitAll(`${key}.`, raw.entries);
    } else if (raw.kind !== 'none') {
      this.#mistakes.push({ key, source, reason: 'this is a section: expected keys and values below it' });
    }
  }
}

import convict from 'convict';
import { dirname, resolve } from 'node:path';
import type { Conflict, CrossCheckContext } from './conflict.js';
import { type ConfigMistake, showSource, type Source } from './mistake.js';
import { Names } from './names.js';
import { HIDDEN, type Raw, rawOf, showRaw } from './raw.js';
import { type Children, type NamedSetting, settingsOf } from './setting.js';
import type { Found } from './sources/found.js';

/** The values so far, over their defaults, and where each came from. */
export class LayeredValues {
  readonly #convict: convict.Config<Record<string, unknown>>;
  readonly #names: Names;
  readonly #sources = new Map<string, Source>();
  readonly #broken = new Set<string>();
  /** The values last refused, of keys that have no later one. */
  readonly #refused = new Map<string, Raw>();

  constructor(children: Children) {
    this.#names = new Names(settingsOf(children));
    // No variables or arguments for convict itself: its own conversions guess ("12abc" is 12 to it).
    this.#convict = convict(convictSchema(children), { env: {}, args: [] });
  }

  /** Lays a value over what was there; answers with what is wrong with it. */
  take({ named, raw, source }: Found): ConfigMistake[] {
    const { key, setting } = named;
    const folder = source.kind === 'file' ? dirname(resolve(source.path)) : undefined;
    const reading = setting.format.read(raw, folder);
    if ('value' in reading) {
      this.#convict.set(key, reading.value);
      this.#sources.set(key, source);
      this.#refused.delete(key);
      return [];
    }
    this.#broken.add(key);
    this.#refused.set(key, raw);
    return reading.problems.map(({ part, shown, line, reason }) => ({
      key: part === '' ? key : `${key}.${part}`,
      value: setting.sensitive ? HIDDEN : shown === undefined ? undefined : showRaw(shown),
      source: source.kind === 'file' ? { ...source, line: line ?? source.line } : source,
      reason,
    }));
  }

  build(): unknown {
    this.#convict.validate({ allowed: 'strict' });
    return deepFreeze(this.#convict.getProperties());
  }

  sourceOf(key: string): Source {
    if (this.#names.byKey(key) === undefined) throw new RangeError(`no such configuration key: ${key}`);
    return this.#sources.get(key) ?? { kind: 'default' };
  }

  /** What `check` finds, but for keys that have a mistake of their own already. */
  conflicts(check: (context: CrossCheckContext) => Iterable<Conflict>): ConfigMistake[] {
    const context: CrossCheckContext = {
      show: (key) => `${key} = ${this.#shown(key)} (${showSource(this.sourceOf(key))})`,
      isDefault: (key) => this.#isDefault(key),
      namesIn: (key) => this.#namesIn(key),
    };
    return [...check(context)]
      .filter(({ keys }) => !keys.some((key) => this.#broken.has(key)))
      .map(({ keys: [key], part, reason }) => ({
        key: part === undefined ? key : `${key}.${part.name}`,
        value: part === undefined ? this.#shown(key) : showRaw(rawOf(part.value)),
        source: this.sourceOf(key),
        reason,
      }));
  }

  #isDefault(key: string): boolean {
    const setting = this.#names.byKey(key)?.setting;
    const print = (value: unknown): string => JSON.stringify(setting?.format.print(value));
    return setting !== undefined && print(this.#convict.get(key)) === print(setting.defaultValue);
  }

  #namesIn(key: string): readonly string[] | undefined {
    const refused = this.#refused.get(key);
    if (refused !== undefined) {
      return refused.kind === 'map' ? refused.entries.map(({ name }) => name) : undefined;
    }
    const value: unknown = this.#convict.get(key);
    return typeof value === 'object' && value !== null ? Object.keys(value) : undefined;
  }

  #shown(key: string): string {
    const setting = this.#names.byKey(key)?.setting;
    if (setting === undefined || setting.sensitive) return HIDDEN;
    return showRaw(rawOf(setting.format.print(this.#convict.get(key), true)));
  }
}

function convictSchema(children: Children): convict.Schema<Record<string, unknown>> {
  const entries = Object.entries(children).map(([name, child]) => {
    if (child.type === 'section') return [name, convictSchema(child.children)] as const;
    const { doc, format, defaultValue, sensitive } = child;
    return [name, { doc, sensitive, default: defaultValue, format: mustRead(format) }] as const;
  });
  return Object.fromEntries(entries) as convict.Schema<Record<string, unknown>>;
}

/** convict asks again, of the finished whole: each value has to be one that its format would print and read. */
function mustRead(format: NamedSetting['setting']['format']): (value: unknown) => void {
  return (value) => {
    const reading = format.read(rawOf(format.print(value)));
    if ('problems' in reading) throw new TypeError(`expected ${format.allowed}`);
  };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}

import type { Format } from './formats/format.js';
import { rawOf, type Plain } from './raw.js';

/** One key of the configuration. */
export interface Setting<T> {
  readonly type: 'setting';
  readonly doc: string;
  readonly format: Format<T>;
  readonly defaultValue: T;
  /** What the reference says instead of a default that depends on the machine. */
  readonly defaultNote?: string;
  /** Never shown: not in messages, not when printed. */
  readonly sensitive: boolean;
}

export interface Section<C extends Children> {
  readonly type: 'section';
  readonly doc: string;
  readonly children: C;
}

export interface Children {
  readonly [name: string]: Setting<unknown> | Section<Children>;
}

/** What a schema loads to: same names, each key's value as its format reads it. */
export type Values<C> = {
  readonly [K in keyof C]: C[K] extends Setting<infer T>
    ? T
    : C[K] extends Section<infer D>
      ? Values<D>
      : never;
};

/** A setting with the names it goes by. */
export interface NamedSetting {
  /** `server.maxSockets` */
  readonly key: string;
  /** `SLUICE_SERVER_MAX_SOCKETS` */
  readonly env: string;
  /** `--server.maxSockets` */
  readonly flag: string;
  readonly setting: Setting<unknown>;
}

export interface SettingOptions {
  readonly defaultNote?: string;
  readonly sensitive?: boolean;
}

/** `defaultValue` is written as a file would write it, and has to be one that the format reads. */
export function setting<T>(
  format: Format<T>,
  defaultValue: Plain,
  doc: string,
  options: SettingOptions = {},
): Setting<T> {
  const reading = format.read(rawOf(defaultValue));
  if ('problems' in reading) throw new TypeError(`bad default ${JSON.stringify(defaultValue)}: ${doc}`);
  return { type: 'setting', doc, format, defaultValue: reading.value, sensitive: false, ...options };
}

export function section<const C extends Children>(doc: string, children: C): Section<C> {
  return { type: 'section', doc, children };
}

/** Every setting of a schema, in its order. */
export function settingsOf(children: Children, prefix = ''): NamedSetting[] {
  return Object.entries(children).flatMap(([name, child]) => {
    const key = `${prefix}${name}`;
    if (child.type === 'section') return settingsOf(child.children, `${key}.`);
    return [{ key, env: environmentName(key), flag: `--${key}`, setting: child }];
  });
}

function environmentName(key: string): string {
  return `SLUICE_${key
    .replaceAll('.', '_')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}

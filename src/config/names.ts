import { nearest } from './nearest.js';
import type { NamedSetting } from './setting.js';

/** Finds settings by the names they go by, and says what a name that is none of them was perhaps meant to be. */
export class Names {
  readonly settings: readonly NamedSetting[];
  readonly #byKey: ReadonlyMap<string, NamedSetting>;
  readonly #byEnv: ReadonlyMap<string, NamedSetting>;

  constructor(settings: readonly NamedSetting[]) {
    this.settings = settings;
    this.#byKey = new Map(settings.map((named) => [named.key, named]));
    this.#byEnv = new Map(settings.map((named) => [named.env, named]));
  }

  byKey(key: string): NamedSetting | undefined {
    return this.#byKey.get(key);
  }

  byEnv(env: string): NamedSetting | undefined {
    return this.#byEnv.get(env);
  }

  isSection(key: string): boolean {
    return this.settings.some((named) => named.key.startsWith(`${key}.`));
  }

  /** The nearest key: by its whole name, or by its last part where the section is wrong or missing. */
  nearestKey(key: string): string | undefined {
    const last = lastPart(key).toLowerCase();
    const sameLast = this.settings.find((named) => lastPart(named.key).toLowerCase() === last);
    return nearest(key, this.#byKey.keys()) ?? sameLast?.key;
  }

  nearestSection(key: string): string | undefined {
    return nearest(key, this.#sections());
  }

  nearestEnv(env: string): string | undefined {
    return nearest(env, this.#byEnv.keys());
  }

  *#sections(): Iterable<string> {
    for (const { key } of this.settings) {
      for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) yield key.slice(0, dot);
    }
  }
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1);
}

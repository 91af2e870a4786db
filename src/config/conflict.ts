import type { Plain } from './raw.js';

/** What two or more keys, each right by itself, get wrong together. */
export interface Conflict {
  /** The key to change, then the others that take part. */
  readonly keys: readonly [string, ...string[]];
  /** What to change within the value of that key, where it has parts: `feed.overflow`. */
  readonly part?: { readonly name: string; readonly value: Plain };
  readonly reason: string;
}

export interface CrossCheckContext {
  /** `stream.heartbeatInterval = 20s (default)` */
  readonly show: (key: string) => string;
  /** Whether the value is the default, wherever it comes from. */
  readonly isDefault: (key: string) => boolean;
  /** The names in a map, also of one with mistakes; undefined where they can't be known. */
  readonly namesIn: (key: string) => readonly string[] | undefined;
}

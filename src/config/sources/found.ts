import type { ConfigMistake, Source } from '../mistake.js';
import type { Raw } from '../raw.js';
import type { NamedSetting } from '../setting.js';

/** A value found in a source, not yet read by its format. */
export interface Found {
  readonly named: NamedSetting;
  readonly raw: Raw;
  readonly source: Source;
}

/** Everything a source holds. */
export interface Findings {
  readonly found: readonly Found[];
  readonly mistakes: readonly ConfigMistake[];
}

export function didYouMean(reason: string, meant: string | undefined): string {
  return meant === undefined ? reason : `${reason}; did you mean ${meant}?`;
}

import type { ConfigMistake } from '../mistake.js';
import type { Names } from '../names.js';
import { nearest } from '../nearest.js';
import { didYouMean, type Findings, type Found } from './found.js';
import { rawFromLine } from './line.js';

/** Names the configuration file; not a key itself. */
const CONFIG_FLAG = '--config';

export interface FlagFindings extends Findings {
  readonly configPath: string | undefined;
}

/** Reads `--key value` and `--key=value`; each flag once, each with a value. */
export function readFlags(argv: readonly string[], names: Names): FlagFindings {
  const found: Found[] = [];
  const mistakes: ConfigMistake[] = [];
  const seen = new Set<string>();
  let configPath: string | undefined;

  for (const { flag, text } of pairsOf(argv)) {
    const source = { kind: 'flag', name: flag } as const;
    const mistake = (reason: string): void => void mistakes.push({ key: flag, source, reason });
    const named = flag.startsWith('--') ? names.byKey(flag.slice(2)) : undefined;

    if (!flag.startsWith('-')) mistake('expected flags only, such as --log.level debug');
    else if (named === undefined && flag !== CONFIG_FLAG) {
      mistake(didYouMean('there is no such flag', meantFlag(flag, names)));
    } else if (seen.has(flag)) mistake('given more than once');
    else if (text === undefined) mistake('it needs a value');
    else if (named === undefined) configPath = text;
    else found.push({ named, raw: rawFromLine(text), source });
    seen.add(flag);
  }
  return { found, mistakes, configPath };
}

function meantFlag(flag: string, names: Names): string | undefined {
  const name = flag.replace(/^-+/, '');
  if (name === 'c' || nearest(name, [CONFIG_FLAG.slice(2)]) !== undefined) return CONFIG_FLAG;
  const key = names.nearestKey(name);
  return key === undefined ? undefined : `--${key}`;
}

function* pairsOf(argv: readonly string[]): Generator<{ flag: string; text: string | undefined }> {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const equals = word.indexOf('=');
    if (word.startsWith('-') && equals > 0) {
      yield { flag: word.slice(0, equals), text: word.slice(equals + 1) };
    } else if (!word.startsWith('-')) {
      yield { flag: word, text: undefined };
    } else {
      const next = argv[index + 1];
      const isValue = next !== undefined && !next.startsWith('--');
      if (isValue) index += 1;
      yield { flag: word, text: isValue ? next : undefined };
    }
  }
}

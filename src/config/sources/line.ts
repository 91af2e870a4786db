import { type Raw, rawText } from '../raw.js';
import { parseYaml } from './yaml-text.js';

/**
 * A value given on one line, in a variable or a flag. Text is taken as it is;
 * what begins like a map or a list of YAML or JSON is read as one, for
 * settings that hold several values.
 */
export function rawFromLine(text: string): Raw {
  if (!/^\s*[{[]/.test(text)) return rawText(text);
  const parsed = parseYaml(text);
  // A text that only looks like a list ("[::1]:9464") is no list.
  if ('faults' in parsed) return rawText(text);
  return parsed.raw.kind === 'map' || parsed.raw.kind === 'list' ? parsed.raw : rawText(text);
}

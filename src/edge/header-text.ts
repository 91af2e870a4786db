import { quoted } from '../core/printable.js';
import { utf8Header } from '../transport/net/utf8-header.js';
import { invalid } from './refusal.js';

/** A header's value as text. Throws a Refusal. */
export function headerText(name: string, value: string): string {
  const text = utf8Header(value);
  if (text === undefined) throw invalid(`header ${name} is not UTF-8: ${quoted(value)}`);
  return text;
}

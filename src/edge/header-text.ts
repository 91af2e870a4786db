import { quoted } from '../core/printable.js';
import { invalid } from './refusal.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A header's value as text: HTTP carries bytes (Node.js shows each as one
 * character), and ours are UTF-8, as everything else. Throws a Refusal.
 */
export function headerText(name: string, value: string): string {
  // Nearly always; then the bytes are the text.
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    throw invalid(`header ${name} is not UTF-8: ${quoted(value)}`);
  }
}

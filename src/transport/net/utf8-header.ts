const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A header's value as text: HTTP carries bytes (Node.js shows each as one
 * character), and ours are UTF-8, as everything else. Undefined for what is not.
 */
export function utf8Header(value: string): string | undefined {
  // Nearly always; then the bytes are the text.
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return undefined;
  }
}

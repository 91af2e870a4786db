/**
 * The value of a JSON document. Throws an Error that says where it is broken,
 * and, unlike JSON.parse's own, quotes nothing of it: it may be a secret.
 */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Error(`is not JSON${placeOf(error, text)}`);
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The engine's message names the position in most cases; what else it says is not for others. */
function placeOf(error: unknown, text: string): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (position === undefined) return '';
  const line = text.slice(0, Number(position)).split('\n').length;
  return `: line ${line} is broken`;
}

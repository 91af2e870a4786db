/** A value as a source wrote it, before a format has read it. `line` is known in files only. */
export type Raw =
  | {
      readonly kind: 'text';
      readonly text: string;
      /** What YAML and JSON take it for, where that is no text: for values that no format of ours reads. */
      readonly literal?: number | boolean;
      readonly line?: number | undefined;
    }
  /** A key without a value (YAML null). */
  | { readonly kind: 'none'; readonly line?: number | undefined }
  | { readonly kind: 'list'; readonly items: readonly Raw[]; readonly line?: number | undefined }
  | { readonly kind: 'map'; readonly entries: readonly RawEntry[]; readonly line?: number | undefined };

export interface RawEntry {
  readonly name: string;
  readonly value: Raw;
}

/** A value as a format prints it: what a YAML file would hold. */
export type Plain = string | number | boolean | readonly Plain[] | { readonly [name: string]: Plain };

/** What is shown in the place of a secret. */
export const HIDDEN = '[hidden]';

/** The longest value a message repeats, in characters. */
const MAX_SHOWN = 80;

export function rawText(text: string): Raw {
  return { kind: 'text', text };
}

/** What a source would have to write to mean `plain`; the other half of a format's `print`. */
export function rawOf(plain: Plain): Raw {
  if (typeof plain === 'string') return rawText(plain);
  if (typeof plain !== 'object') return { kind: 'text', text: String(plain), literal: plain };
  if (isList(plain)) return { kind: 'list', items: plain.map(rawOf) };
  return {
    kind: 'map',
    entries: Object.entries(plain).map(([name, value]) => ({ name, value: rawOf(value) })),
  };
}

/** A value for a message: on one line, quoted where it is text, cut where it is long. */
export function showRaw(raw: Raw): string {
  const whole = show(raw);
  return whole.length <= MAX_SHOWN ? whole : `${whole.slice(0, MAX_SHOWN)}…`;
}

function show(raw: Raw): string {
  switch (raw.kind) {
    case 'text':
      return JSON.stringify(raw.text);
    case 'none':
      return 'nothing';
    case 'list':
      return `[${raw.items.map(show).join(', ')}]`;
    case 'map':
      return `{${raw.entries.map(({ name, value }) => `${name}: ${show(value)}`).join(', ')}}`;
  }
}

function isList(plain: Plain): plain is readonly Plain[] {
  return Array.isArray(plain);
}

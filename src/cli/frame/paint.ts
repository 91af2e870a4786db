/** Colours by what they mean, or nothing at all where there are none. */
export interface Paint {
  readonly on: boolean;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  /** All is well. */
  readonly good: (text: string) => string;
  /** Somebody should look. */
  readonly warn: (text: string) => string;
  /** It is wrong now. */
  readonly bad: (text: string) => string;
  readonly accent: (text: string) => string;
  readonly inverse: (text: string) => string;
}

/** `on` writes SGR sequences (ECMA-48); each ends what it began, so that they may stand side by side. */
export function paint(on: boolean): Paint {
  const sgr =
    (begin: number, end: number) =>
    (text: string): string =>
      on && text !== '' ? `\u001b[${String(begin)}m${text}\u001b[${String(end)}m` : text;
  return {
    on,
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    good: sgr(32, 39),
    warn: sgr(33, 39),
    bad: sgr(31, 39),
    accent: sgr(36, 39),
    inverse: sgr(7, 27),
  };
}

/**
 * Colours are for terminals, unless the user says otherwise: NO_COLOR
 * (no-color.org) or FORCE_COLOR, not empty; FORCE_COLOR=0 is a no.
 */
export function wantsColours(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  const no = env['NO_COLOR'];
  if (no !== undefined && no !== '') return false;
  return isTerminal && env['TERM'] !== 'dumb';
}

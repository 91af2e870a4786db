import { SORTS, type Sort } from './sorts.js';

/** What the keys have set. */
export interface Settings {
  readonly sort: Sort;
  readonly match: string;
  readonly slowOnly: boolean;
  readonly paused: boolean;
  readonly typing: string | undefined;
}

/** The longest client ID. */
const MAX_TYPED = 128;

const CTRL_C = '\u0003';
const ESCAPE = '\u001b';
const BACKSPACES: readonly string[] = ['\u007f', '\b'];
const ENTERS: readonly string[] = ['\r', '\n'];

/** What a key makes of the settings; `quit` to leave. A key that means nothing changes nothing. */
export function afterKey(settings: Settings, key: string): Settings | 'quit' {
  if (key === CTRL_C) return 'quit';
  if (settings.typing !== undefined) return whileTyping(settings, settings.typing, key);
  const sort = SORTS[Number(key) - 1];
  if (sort !== undefined) return { ...settings, sort };
  switch (key) {
    case 'q':
    case 'Q':
      return 'quit';
    case 's':
      return { ...settings, sort: SORTS[(SORTS.indexOf(settings.sort) + 1) % SORTS.length] ?? settings.sort };
    case 'w':
      return { ...settings, slowOnly: !settings.slowOnly };
    case ' ':
      return { ...settings, paused: !settings.paused };
    case '/':
      return { ...settings, typing: settings.match };
    case ESCAPE:
      return { ...settings, match: '', slowOnly: false };
    default:
      return settings;
  }
}

function whileTyping(settings: Settings, typing: string, key: string): Settings {
  if (ENTERS.includes(key)) return { ...settings, match: typing, typing: undefined };
  if (key === ESCAPE) return { ...settings, typing: undefined };
  if (BACKSPACES.includes(key)) return { ...settings, typing: Array.from(typing).slice(0, -1).join('') };
  return /^\P{C}$/u.test(key) && typing.length < MAX_TYPED ? { ...settings, typing: typing + key } : settings;
}

/** The keys of what a terminal sent: an escape sequence (arrows and the like) is one, and so is each character. */
export function* keysOf(sent: string): Generator<string> {
  // ECMA-48: CSI with parameters, SS3 with one character.
  for (const [key] of sent.matchAll(/\u001b\[[\d;?]*[ -/]*[@-~]|\u001bO.|[^]/gu)) yield key;
}

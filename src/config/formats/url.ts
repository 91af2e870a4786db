import { HIDDEN, type Raw } from '../raw.js';
import { accept, type Format, type Refused, refuse } from './format.js';

const MAX_LENGTH = 2_048;
const ALLOWED = 'an address https://… or http://…';

/**
 * The address of a service of HTTP; "" for none. Kept as it is written. Where
 * it is shown its query is hidden: some services take a secret there.
 */
export function httpUrl(): Format<string> {
  return {
    allowed: ALLOWED,
    summary: ALLOWED,
    print: (value, hideSecrets = false) => (hideSecrets ? value.replace(/\?.*/, `?${HIDDEN}`) : value),
    read(raw) {
      if (raw.kind === 'none') return refuse(raw, ALLOWED, 'leave the key out to have its default');
      if (raw.kind !== 'text') return refuse(raw, ALLOWED);
      if (raw.text === '') return accept('');
      const hint = wrongWith(raw.text);
      return hint === undefined ? accept(raw.text) : unshown(raw, refuse(raw, ALLOWED, hint));
    },
  };
}

function wrongWith(text: string): string | undefined {
  // The parser drops blanks and control characters without a word.
  if (text.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(text)) {
    return `it has at most ${String(MAX_LENGTH)} characters of ASCII, without blanks`;
  }
  if (!/^https?:\/\//.test(text)) return 'it begins with https:// or http://';
  if (!URL.canParse(text)) return 'it is no address';
  // By the text too: "https://@host" has both empty.
  const { username, password } = new URL(text);
  if (username !== '' || password !== '' || /^[^/]*\/\/[^/?#\\]*@/.test(text)) {
    return 'no name or password in it: addresses end up in logs';
  }
  return text.includes('#') ? 'no # and what follows: it is never sent' : undefined;
}

/** What was refused may hold a secret wherever it has a place for one. */
function unshown(raw: Raw, refused: Refused): Refused {
  const mayHoldSecret = raw.kind === 'text' && /[@?#]/.test(raw.text);
  return mayHoldSecret
    ? { problems: refused.problems.map((problem) => ({ ...problem, shown: undefined })) }
    : refused;
}

import { nearest } from '../nearest.js';
import { type Format, textual, UNREAD } from './format.js';
import { list } from './list.js';

/** One of a few words, written exactly so. */
export function choice<const T extends string>(words: readonly T[]): Format<T> {
  return textual({
    allowed: `one of ${words.join(', ')}`,
    summary: words.join(', '),
    print: (value) => value,
    parse(text) {
      const value = words.find((word) => word === text);
      if (value !== undefined) return { value };
      const meant = nearest(text, words);
      return meant === undefined ? UNREAD : { hint: `did you mean ${meant}?` };
    },
  });
}

/**
 * Some of a few words, each once; `none` says what an empty list means, where
 * there may be one. A list, or one text with commas.
 */
export function choices<const T extends string>(words: readonly T[], none?: string): Format<readonly T[]> {
  const allowed = `a list of some of ${words.join(', ')}${none === undefined ? '' : `, or [] (${none})`}`;
  return list(choice(words), {
    allowed,
    summary: allowed,
    minItems: none === undefined ? 1 : 0,
    maxItems: words.length,
    item: 'word',
  });
}

const WORDS_FOR_TRUE = ['true', 'yes', 'y', 'on', '1'];
const WORDS_FOR_FALSE = ['false', 'no', 'n', 'off', '0'];

/** `true` or `false`, and none of the other words for them. */
export function boolean(): Format<boolean> {
  return textual({
    allowed: 'true or false',
    print: (value) => value,
    parse(text) {
      if (text === 'true' || text === 'false') return { value: text === 'true' };
      const word = text.trim().toLowerCase();
      if (WORDS_FOR_TRUE.includes(word)) return { hint: 'write true' };
      return WORDS_FOR_FALSE.includes(word) ? { hint: 'write false' } : UNREAD;
    },
  });
}

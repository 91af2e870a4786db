import { nearest } from '../nearest.js';
import { type Format, textual, UNREAD } from './format.js';

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

/** `true` or `false`, and none of the other words for them. */
export function boolean(): Format<boolean> {
  return textual({
    allowed: 'true or false',
    print: (value) => value,
    parse: (text) => (text === 'true' || text === 'false' ? { value: text === 'true' } : UNREAD),
  });
}

import { resolve } from 'node:path';
import { type Format, textual, UNREAD } from './format.js';

/** The path of a module; as `relativePath`. */
export function modulePath(): Format<string> {
  return relativePath('the path of an ES module');
}

/**
 * A path, relative to the folder of the configuration file that names it, else
 * to the working directory; read as an absolute one. "" for none.
 */
export function relativePath(allowed: string): Format<string> {
  const within = (folder: string): Format<string> =>
    textual({
      allowed,
      print: (value) => value,
      // Paths end at a NUL byte in the system's calls: one inside would name another file.
      parse(text) {
        if (!/^[^\0]{0,4096}$/.test(text)) return UNREAD;
        return { value: text === '' ? '' : resolve(folder, text) };
      },
    });
  const here = within('');
  return {
    ...here,
    read: (raw, folder) => (folder === undefined ? here : within(folder)).read(raw),
  };
}

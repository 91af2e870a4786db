import { fileURLToPath } from 'node:url';

/** The absolute path of something named from the root of the repository. */
export function pathOf(fromRoot: string): string {
  return fileURLToPath(new URL(`../../${fromRoot}`, import.meta.url));
}

import { SluiceError } from './errors.js';
import { ACTIONS, type Action } from './identity.js';
import { quoted } from './printable.js';

/** What one class or one token may list. With the length of each it bounds what a check costs. */
export const MAX_PERMISSIONS = 256;
/** Of one permission, in UTF-16 code units. */
const MAX_PERMISSION_LENGTH = 256;

/**
 * One permission: `action:route` or `action:route/subject`. In route and
 * subject `*` stands for any run of characters, also none; in the subject
 * `{client}` stands for the caller's own client ID.
 */
export interface Permission {
  /** `*` is every action but `push`: that one is given by its name, for it reaches other people's sessions. */
  readonly action: Action | '*';
  readonly route: string;
  /** Undefined: every subject of the route. "": only the empty one. */
  readonly subject: string | undefined;
}

/** The characters of a route's name, which has no slash, and `*`. */
const ROUTE = /^[A-Za-z0-9._*-]+$/;
const PRINTABLE = /^[^\p{C}]*$/u;
const PLACEHOLDER = /\{\w*\}/g;

/**
 * Reads one permission; `*` alone is everything. `wrong` completes "expected …"
 * and repeats nothing of `text`: it may be of a token.
 */
export function parsePermission(
  text: string,
): { readonly permission: Permission } | { readonly wrong: string } {
  if (text === '*') return { permission: { action: '*', route: '*', subject: undefined } };
  if (text.length > MAX_PERMISSION_LENGTH) {
    return { wrong: `a permission of at most ${String(MAX_PERMISSION_LENGTH)} characters` };
  }
  const colon = text.indexOf(':');
  if (colon < 0) return { wrong: 'a permission action:route, action:route/subject, or *' };
  const written = text.slice(0, colon);
  const action = written === '*' ? written : ACTIONS.find((each) => each === written);
  if (action === undefined) return { wrong: `an action before the colon: ${ACTIONS.join(', ')} or *` };
  const slash = text.indexOf('/', colon);
  const route = slash < 0 ? text.slice(colon + 1) : text.slice(colon + 1, slash);
  if (!ROUTE.test(route)) {
    return { wrong: 'a route after the colon: letters, digits, dots, hyphens, underscores and *' };
  }
  const subject = slash < 0 ? undefined : text.slice(slash + 1);
  if (subject !== undefined && !PRINTABLE.test(subject))
    return { wrong: 'a subject of printable characters' };
  // One that is misspelt would quietly match nobody.
  if (subject?.match(PLACEHOLDER)?.some((each) => each !== '{client}') === true) {
    return { wrong: 'no placeholder in braces but {client}' };
  }
  return { permission: { action, route, subject } };
}

/** PERMISSION_DENIED that names what was asked for; the route only where the caller did. That no subject was is often the mistake. */
export function permissionMissing(
  action: Action,
  target: { readonly route: string; readonly subject: string; readonly named: boolean },
): SluiceError {
  const { route, subject, named } = target;
  const hint = subject === '' ? ' (no subject was named)' : '';
  if (!named) {
    return new SluiceError(
      'PERMISSION_DENIED',
      `permission to ${action} the default route is missing${hint}`,
    );
  }
  // Escaped and bounded, but bare of the quotes.
  const asked = `${action}:${route}${subject === '' ? '' : `/${subject}`}`;
  return new SluiceError('PERMISSION_DENIED', `permission ${quoted(asked).slice(1, -1)} is missing${hint}`);
}

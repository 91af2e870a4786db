import type { Action } from '../core/identity.js';
import { MAX_PERMISSIONS, parsePermission, type Permission } from '../core/permission.js';

const OWN_ID = '{client}';

/**
 * A text with wildcards: the pieces between its stars, in order; one piece: no
 * star. Only the first and the last may be empty.
 */
type Pattern = readonly string[];

/** One permission, ready to be asked. What is the same for all of a class is there once, not for each of its clients. */
export interface PermissionRule {
  readonly action: Action | '*';
  readonly route: Pattern;
  /** Undefined: every subject, and none. */
  readonly subject: Pattern | undefined;
  /** Whether the subject has `{client}`, not yet replaced. */
  readonly namesClient: boolean;
}

/** Throws an Error for the first text that is no permission; its sentence repeats nothing of it. */
export function parsePermissions(texts: readonly string[]): readonly PermissionRule[] {
  if (texts.length > MAX_PERMISSIONS) {
    throw new Error(`has ${texts.length} permissions, and ${MAX_PERMISSIONS} are the most`);
  }
  return texts.map((text, n) => {
    const read = parsePermission(text);
    if ('permission' in read) return ruleOf(read.permission);
    throw new Error(`permission ${n + 1}: expected ${read.wrong}`);
  });
}

/** The permissions of one caller: `{client}` in them stands for this ID as it is, stars and all. */
export class PermissionSet {
  readonly #rules: readonly PermissionRule[];

  constructor(rules: readonly PermissionRule[], clientId: string) {
    this.#rules = rules.some(({ namesClient }) => namesClient)
      ? rules.map((rule) => (rule.namesClient ? ownRule(rule, clientId) : rule))
      : rules;
  }

  allows(action: Action, route: string, subject: string): boolean {
    return this.#rules.some(
      (rule) =>
        isFor(rule, action) &&
        matches(rule.route, route) &&
        (rule.subject === undefined || matches(rule.subject, subject)),
    );
  }

  allowsSomewhere(action: Action): boolean {
    return this.#rules.some((rule) => isFor(rule, action));
  }
}

/** Whoever may do everything else may not by that write to others: what is let in by default may be anybody. */
const NOT_EVERYTHING: readonly Action[] = ['push'];

function isFor(rule: PermissionRule, action: Action): boolean {
  return rule.action === action || (rule.action === '*' && !NOT_EVERYTHING.includes(action));
}

function ruleOf({ action, route, subject }: Permission): PermissionRule {
  return {
    action,
    route: pattern(route),
    subject: subject === undefined ? undefined : pattern(subject),
    namesClient: subject?.includes(OWN_ID) === true,
  };
}

function ownRule({ subject, ...rule }: PermissionRule, clientId: string): PermissionRule {
  const own = subject?.map((piece) => piece.split(OWN_ID).join(clientId));
  return { ...rule, subject: own, namesClient: false };
}

/** Stars side by side stand for no more than one does. */
function pattern(text: string): Pattern {
  return text.split('*').filter((piece, n, all) => piece !== '' || n === 0 || n === all.length - 1);
}

/**
 * Whether the pieces are found in `text` in their order, the first at its
 * start and the last at its end. The leftmost place of each is the best for
 * those that follow, so nothing is tried twice.
 */
function matches(pattern: Pattern, text: string): boolean {
  const first = pattern[0] ?? '';
  if (pattern.length === 1) return text === first;
  const last = pattern.at(-1) ?? '';
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (let n = 1; n < pattern.length - 1; n += 1) {
    const piece = pattern[n] ?? '';
    const at = text.indexOf(piece, from);
    if (at < 0 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

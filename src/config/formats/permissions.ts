import { MAX_PERMISSIONS, parsePermission } from '../../core/permission.js';
import { accept, type Format, refuse } from './format.js';
import { list } from './list.js';

const ALLOWED = `at most ${String(MAX_PERMISSIONS)} permissions: action:route, action:route/subject, or *`;

/** What may be done: a list, read as the gateway reads the permissions of a token. */
export function permissionList(): Format<readonly string[]> {
  return list(permission(), {
    allowed: ALLOWED,
    summary: ALLOWED,
    minItems: 0,
    maxItems: MAX_PERMISSIONS,
    item: 'permission',
  });
}

function permission(): Format<string> {
  return {
    allowed: 'a permission',
    summary: 'a permission',
    print: (value) => value,
    read(raw) {
      if (raw.kind !== 'text') return refuse(raw, 'a permission action:route, action:route/subject, or *');
      const reading = parsePermission(raw.text);
      return 'permission' in reading ? accept(raw.text) : refuse(raw, reading.wrong);
    },
  };
}

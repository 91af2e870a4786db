import { expect, test } from 'vitest';
import { parsePermissions, PermissionSet } from '../../../src/auth/permissions.js';

test.each([
  [['*'], false],
  [['*:*'], false],
  [['*:inbox/{client}'], false],
  [['open:*', 'publish:*'], false],
  [[], false],
  [['push:*'], true],
  [['*', 'push:inbox'], true],
])('%j: push is given by its name alone (%s)', (texts, expected) => {
  const set = new PermissionSet(parsePermissions(texts), 'ann');
  expect(set.allowsSomewhere('push')).toBe(expected);
  expect(set.allows('push', 'inbox', 'ann')).toBe(expected);
});

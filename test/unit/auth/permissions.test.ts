import { describe, expect, it, test } from 'vitest';
import { parsePermissions, PermissionSet } from '../../../src/auth/permissions.js';
import { permissionMissing } from '../../../src/core/permission.js';

function allows(permission: string, route: string, subject: string, clientId = 'ann'): boolean {
  return new PermissionSet(parsePermissions([permission]), clientId).allows('open', route, subject);
}

test.each([
  ['*', 'any', 'thing', true],
  ['open:chat', 'chat', 'room-1', true],
  ['open:chat', 'chat', '', true],
  ['open:chat', 'chats', '', false],
  ['publish:chat', 'chat', '', false],
  ['*:chat', 'chat', '', true],
  ['open:chat/', 'chat', '', true],
  ['open:chat/', 'chat', 'room-1', false],
  ['open:chat/room-*', 'chat', 'room-', true],
  ['open:chat/room-*', 'chat', 'a room-1', false],
  ['open:chat/*-1', 'chat', '-1-1', true],
  ['open:chat/a*a', 'chat', 'a', false],
  ['open:chat/a*b*a', 'chat', 'aba', true],
  ['open:chat/a*ba*a', 'chat', 'aba', false],
  ['open:*/x', 'chat', 'x', true],
  ['open:chat/{client}', 'chat', 'ann', true],
  ['open:chat/{client}', 'chat', '{client}', false],
  ['open:chat/{client}/*', 'chat', 'ann/1', true],
  ['open:chat/{client}/*', 'chat', 'bob/1', false],
])('%s of route %s and subject %s: %s', (permission, route, subject, expected) => {
  expect(allows(permission, route, subject)).toBe(expected);
});

describe('a client ID in a permission', () => {
  it('is no pattern', () => {
    expect(allows('open:inbox/{client}', 'inbox', 'bob', '*')).toBe(false);
    expect(allows('open:inbox/{client}', 'inbox', '*', '*')).toBe(true);
    expect(allows('open:inbox/{client}', 'inbox', 'x{client}', 'x{client}')).toBe(true);
  });
});

it('permissions that two callers share name each of them to himself alone', () => {
  const rules = parsePermissions(['open:inbox/{client}', 'open:chat/room-*']);
  const [ann, ben] = ['ann', 'ben'].map((id) => new PermissionSet(rules, id));
  for (const [set, own, other] of [
    [ann, 'ann', 'ben'],
    [ben, 'ben', 'ann'],
  ] as const) {
    expect(set?.allows('open', 'inbox', own)).toBe(true);
    expect(set?.allows('open', 'inbox', other)).toBe(false);
    expect(set?.allows('open', 'inbox', '{client}')).toBe(false);
    expect(set?.allows('open', 'chat', 'room-1')).toBe(true);
  }
});

it('without permissions nothing is allowed', () => {
  expect(new PermissionSet([], 'ann').allows('open', 'chat', '')).toBe(false);
});

it('a pattern of nothing but stars and near misses takes no longer than its length', () => {
  const stars = '*'.repeat(248);
  const nearly = `${'a*'.repeat(124)}b`;
  const set = new PermissionSet(parsePermissions([`open:r/${stars}x`, `open:r/${nearly}`]), 'ann');
  // Exponential in the stars, this would outlast every time limit of the suite.
  for (let n = 0; n < 1_000; n += 1) expect(set.allows('open', 'r', 'a'.repeat(128))).toBe(false);
});

test('what is no permission is refused without being repeated', () => {
  expect(() => parsePermissions(['open:chat', 'secret-thing'])).toThrow(
    'permission 2: expected a permission action:route',
  );
  expect(() => parsePermissions(['open:chat', 'secret-thing'])).not.toThrow('secret');
  expect(() => parsePermissions(Array<string>(257).fill('*'))).toThrow(
    'has 257 permissions, and 256 are the most',
  );
  expect(parsePermissions(Array<string>(256).fill('*'))).toHaveLength(256);
});

describe('permissionMissing', () => {
  const message = (route: string, subject: string, named = true): string =>
    permissionMissing('open', { route, subject, named }).message;

  it('names what was asked for', () => {
    expect(permissionMissing('open', { route: 'chat', subject: '', named: true }).code).toBe(
      'PERMISSION_DENIED',
    );
    expect(message('chat', 'room-1')).toBe('permission open:chat/room-1 is missing');
    expect(message('chat', '')).toBe('permission open:chat is missing (no subject was named)');
  });

  it('does not tell the name of the default route to who did not know it', () => {
    expect(message('internal', 'room-1', false)).toBe('permission to open the default route is missing');
  });

  it("is bounded and harmless in a terminal, whatever the client's words", () => {
    expect(message('a\u001b[31m', 'x\u202e')).not.toMatch(/\p{C}/u);
    expect(message('r'.repeat(100_000), '').length).toBeLessThan(230);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePermissions, PermissionSet } from '../../../src/auth/permissions.js';
import type { Action } from '../../../src/core/identity.js';

const ACTIONS: readonly Action[] = ['open', 'publish', 'subscribe', 'ingest'];
const action = fc.constantFrom(...ACTIONS);
const text = (units: string[], maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...units), { maxLength }).map((all) => all.join(''));
// Few letters, so that patterns and texts meet often.
const route = text(['a', 'b', '.'], 6).filter((name) => name !== '');
const subject = text(['a', 'b', '/', '.', '*', '(', '\\'], 8);
const routePattern = text(['a', 'b', '.', '*'], 6).filter((name) => name !== '');
const subjectPattern = text(['a', 'b', '/', '.', '(', '\\', '*', '*', '{client}'], 8);
const clientId = text(['a', '*', '.', '/'], 4).filter((id) => id !== '');

function regexOf(pattern: string, id: string): RegExp {
  const source = pattern
    .split(/(\*|\{client\})/)
    .map((part) => {
      if (part === '*') return '[^]*';
      return (part === '{client}' ? id : part).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}

describe('PermissionSet', () => {
  it('allows what a regular expression of the pattern matches, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.record({
          given: fc.oneof(action, fc.constant('*')),
          routePattern,
          subjectPattern: fc.option(subjectPattern),
          asked: action,
          route,
          subject,
          id: clientId,
        }),
        ({ given, routePattern, subjectPattern, asked, route, subject, id }) => {
          const permission = `${given}:${routePattern}${subjectPattern === null ? '' : `/${subjectPattern}`}`;
          const set = new PermissionSet(parsePermissions([permission]), id);
          const expected =
            (given === '*' || given === asked) &&
            regexOf(routePattern, '').test(route) &&
            (subjectPattern === null || regexOf(subjectPattern, id).test(subject));
          expect(set.allows(asked, route, subject)).toBe(expected);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('a text made of a pattern is matched by it', () => {
    fc.assert(
      fc.property(subjectPattern, fc.array(subject, { minLength: 8, maxLength: 8 }), (pattern, fillings) => {
        let filled = 0;
        const made = pattern
          .replaceAll('{client}', 'me')
          .replaceAll('*', () => fillings[filled++ % fillings.length] ?? '');
        expect(
          new PermissionSet(parsePermissions([`open:r/${pattern}`]), 'me').allows('open', 'r', made),
        ).toBe(true);
      }),
    );
  });

  it('several allow what any of them does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(action, route), { maxLength: 5 }),
        action,
        route,
        (given, asked, target) => {
          const set = new PermissionSet(parsePermissions(given.map(([a, r]) => `${a}:${r}`)), 'me');
          expect(set.allows(asked, target, 'any')).toBe(given.some(([a, r]) => a === asked && r === target));
        },
      ),
    );
  });
});

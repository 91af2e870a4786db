import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageOf, type Page } from '../../../src/admin/listing.js';

describe('pageOf', () => {
  it('walks every item once, in order of keys, whatever the order and the limit', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 70 }),
        (keys, limit) => {
          const walked: string[] = [];
          let after: string | undefined = '';
          while (after !== undefined) {
            const page: Page<string> = pageOf(keys, (key) => key, limit, after);
            expect(page.items.length).toBeLessThanOrEqual(limit);
            expect(page.total).toBe(keys.length);
            walked.push(...page.items);
            after = page.after;
          }
          expect(walked).toEqual([...keys].sort((a, b) => (a < b ? -1 : 1)));
        },
      ),
    );
  });

  it('keeps items of one key on one page, so that none falls between two', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        (keys, limit) => {
          const items = keys.map((key, index) => ({ key, index }));
          const walked: { key: string; index: number }[] = [];
          let after: string | undefined = '';
          while (after !== undefined) {
            const page: Page<{ key: string; index: number }> = pageOf(
              items,
              (item) => item.key,
              limit,
              after,
            );
            expect(page.items.slice(limit).every((item) => item.key === page.items[limit - 1]?.key)).toBe(
              true,
            );
            walked.push(...page.items);
            after = page.after;
          }
          expect(walked).toEqual(
            [...items].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index)),
          );
        },
      ),
    );
  });

  it('neither repeats nor hides what stays while others come and go', () => {
    const first = pageOf(['b', 'd', 'f'], (key) => key, 2, '');
    expect(first).toEqual({ items: ['b', 'd'], total: 3, after: 'd' });
    expect(pageOf(['a', 'b', 'f', 'e'], (key) => key, 2, 'd')).toEqual({
      items: ['e', 'f'],
      total: 4,
      after: undefined,
    });
  });

  it('holds one page of a long list', () => {
    function* many(): Generator<number> {
      for (let index = 100_000; index > 0; index -= 1) yield index;
    }
    const page = pageOf(many(), (index) => String(index).padStart(6, '0'), 3, '000010');
    expect(page).toEqual({ items: [11, 12, 13], total: 100_000, after: '000013' });
  });
});

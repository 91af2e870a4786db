import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance } from '../../../src/core/edit-distance.js';

it.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['route', 'route', 0],
  ['rout', 'route', 1],
  ['ruote', 'route', 1],
  ['kitten', 'sitting', 3],
  // A swap, and then nothing between the two swapped letters.
  ['ca', 'abc', 3],
])('%j and %j are %i letters apart', (a, b, apart) => {
  expect(editDistance(a, b)).toBe(apart);
});

it('is the same either way, and what a table of all its cells says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(editDistance(a, b)).toBe(byTable(a, b));
      expect(editDistance(b, a)).toBe(byTable(a, b));
    }),
  );
});

/** As the definition has it. */
function byTable(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [lastA, lastB] = [a.at(-1), b.at(-1)];
  const [restA, restB] = [a.slice(0, -1), b.slice(0, -1)];
  const ways = [
    byTable(restA, b) + 1,
    byTable(a, restB) + 1,
    byTable(restA, restB) + (lastA === lastB ? 0 : 1),
  ];
  if (a.at(-2) === lastB && b.at(-2) === lastA && a.length > 1 && b.length > 1)
    ways.push(byTable(a.slice(0, -2), b.slice(0, -2)) + 1);
  return Math.min(...ways);
}

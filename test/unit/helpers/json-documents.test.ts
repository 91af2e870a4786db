import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JsonDocuments } from '../../helpers/json-documents.js';

it('finds the same objects wherever the text is cut', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(
      fc.array(object),
      fc.constantFrom(0, 2),
      fc.integer({ min: 1, max: 7 }),
      (values, indent, length) => {
        // As JSON holds them: -0 is 0 there.
        const expected = values.map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        const text = expected.map((value) => `${JSON.stringify(value, null, indent)}\n`).join('');
        const documents = new JsonDocuments();
        const found: unknown[] = [];
        for (let at = 0; at < text.length; at += length)
          found.push(...documents.push(text.slice(at, at + length)));
        expect(found).toEqual(expected);
        expect(documents.rest).toBe('');
      },
    ),
  );
});

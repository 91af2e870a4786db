import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { UnsettledMessages } from '../../src/upstream/unsettled-messages.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';

type Step =
  | { readonly does: 'add' }
  | { readonly does: 'accept'; readonly part: number }
  | { readonly does: 'fail'; readonly part: number }
  | { readonly does: 'take'; readonly part: number; readonly maxBytes: number };

const part = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ does: 'add' as const }) },
  fc.record({ does: fc.constant('accept' as const), part }),
  fc.record({ does: fc.constant('fail' as const), part }),
  fc.record({ does: fc.constant('take' as const), part, maxBytes: fc.integer({ min: 0, max: 50 }) }),
);

const BYTES = 10;

test('what is unsettled is what was added and neither accepted nor failed; it is given in order, none left out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const real = new UnsettledMessages();
      /** The model: what became of each, by its number less 1. */
      const fates: ('open' | 'accepted' | 'failed')[] = [];
      const told: string[] = [];
      const numberAt = (share: number): number => Math.ceil(share * fates.length);
      for (const each of steps) {
        if (each.does === 'add') {
          const number = fates.push('open');
          real.add(dataMessage({ data: new Uint8Array(BYTES) })).then(
            () => (told[number] = 'accepted'),
            () => (told[number] = 'failed'),
          );
        } else if (each.does === 'accept') {
          const through = numberAt(each.part);
          for (let n = 0; n < through; n += 1) if (fates[n] === 'open') fates[n] = 'accepted';
          real.accept(through);
        } else if (each.does === 'fail') {
          const number = numberAt(each.part);
          const isNews = fates[number - 1] === 'open';
          if (isNews) fates[number - 1] = 'failed';
          expect(real.fail(number, new SluiceError('ROUTE_FAILED', 'no'))).toBe(isNews);
        } else {
          const after = numberAt(each.part);
          const open = fates.flatMap((fate, n) => (fate === 'open' && n + 1 > after ? [n + 1] : []));
          const batch: DataMessage[] = [];
          const through = real.take(after, batch, each.maxBytes);
          const numbers = batch.map(({ sequence }) => sequence);
          const room = Math.max(1, Math.floor(each.maxBytes / BYTES));
          expect(numbers).toEqual(open.slice(0, room));
          // All that lies between was looked at.
          expect(open.filter((n) => n <= through)).toEqual(numbers);
        }
        const open = fates.filter((fate) => fate === 'open').length;
        const first = fates.indexOf('open');
        expect(real.size).toBe(open);
        expect(real.settledThrough).toBe(first < 0 ? fates.length : first);
        expect(real.last).toBe(fates.length);
      }
      await Promise.resolve();
      expect(fates.map((_, n) => told[n + 1] ?? 'open')).toEqual(fates);
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inputMessages, linesOf, type InputFormat } from '../../../../src/cli/talk/payload-input.js';

async function* pieces(whole: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(cut, whole.length);
    yield whole.subarray(from, Math.max(from, to));
    from = Math.max(from, to);
  }
  yield whole.subarray(from);
}

async function read(input: AsyncIterable<Uint8Array>, format: InputFormat): Promise<string[]> {
  const all: string[] = [];
  for await (const batch of inputMessages(input, format)) {
    for (const { data } of batch) all.push(Buffer.from(data).toString('latin1'));
  }
  return all;
}

const bytes = fc.array(fc.constantFrom(0x0a, 0x0a, 0x61, 0x62, 0xff)).map((all) => Uint8Array.from(all));
const cuts = fc.array(fc.nat(60), { maxLength: 6 });

test('lines are the same, however the input is cut', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, cuts, async (whole, where) => {
      const expected = Buffer.from(whole).toString('latin1').split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(await read(pieces(whole, where), { kind: 'lines' })).toEqual(expected);
    }),
  );
});

test('chunks have their size but for the last, and are all of the input', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, cuts, fc.integer({ min: 1, max: 9 }), async (whole, where, size) => {
      const chunks = await read(pieces(whole, where), { kind: 'chunk', bytes: size });
      expect(chunks.join('')).toBe(Buffer.from(whole).toString('latin1'));
      expect(chunks.slice(0, -1).every((chunk) => chunk.length === size)).toBe(true);
      expect(chunks.every((chunk) => chunk.length > 0)).toBe(true);
      expect(await read(pieces(whole, where), { kind: 'whole' })).toEqual([
        Buffer.from(whole).toString('latin1'),
      ]);
    }),
  );
});

test('a line that never ends is not kept for ever', async () => {
  let given = 0;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1;
      yield new Uint8Array(1024 * 1024);
    }
  };
  const reading = async (): Promise<void> => {
    for await (const _ of linesOf(endless()));
  };
  await expect(reading()).rejects.toThrow('a line is longer than 64 MiB');
  expect(given).toBe(65);
});

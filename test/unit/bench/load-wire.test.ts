import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pathOf } from '../../../bench/harness/paths.js';

// The generator in Go reads and writes the wire itself (bench/load/wire.go): its numbers are those of the contract.

const proto = readFileSync(pathOf('proto/sluice/v1/stream.proto'), 'utf8').replace(/\/\/.*$/gm, '');
const source = readFileSync(pathOf('bench/load/wire.go'), 'utf8');

function numbersIn(block: string): ReadonlyMap<string, number> {
  const body = new RegExp(`^(?:message|enum) ${block} \\{([\\s\\S]*?)^\\}`, 'm').exec(proto)?.[1] ?? '';
  const fields = body.matchAll(/(\w+)\s*=\s*(\d+)\s*[;[]/g);
  return new Map([...fields].map(([, name = '', number]) => [name, Number(number)]));
}

const snake = (camel: string): string =>
  camel
    .replace(/(?<=[a-z])[A-Z]|ID/g, '_$&')
    .replace(/^_/, '')
    .toLowerCase();

/** Name in the contract and number, of each constant in Go, by the message that the comments name. */
function constants(): { readonly block: string; readonly name: string; readonly number: number }[] {
  const found = [];
  let block = 'DataMessage';
  const declared = /const \(([\s\S]*?)^\)/m.exec(source)?.[1] ?? '';
  for (const line of declared.split('\n')) {
    const next = /^\t\/\/ Of (\w+)\.$/.exec(line)?.[1];
    if (next !== undefined) block = next;
    const [, kind, go = '', number, aside] =
      /^\t(field|type)(\w+)\s+= (\d+)(?: \/\/ of (\w+))?/.exec(line) ?? [];
    if (kind === undefined) continue;
    const isType = kind === 'type';
    const name = isType ? `MESSAGE_TYPE_${snake(go).toUpperCase()}` : snake(go);
    found.push({ block: isType ? 'MessageType' : (aside ?? block), name, number: Number(number) });
  }
  return found;
}

const known = constants();
/** Where the name in Go says less. */
const LONGER: Readonly<Record<string, string>> = { token: 'resume_token', timestamp: 'timestamp_ms' };

test('they are all read here', () => {
  expect(known.length).toBe((source.match(/^\t(field|type)\w+\s+= \d/gm) ?? []).length);
  expect(new Set(known.map(({ block }) => block)).size).toBe(6);
});

test.each(known)('$block.$name', ({ block, name, number }) => {
  const numbers = numbersIn(block);
  expect(numbers.get(name) ?? numbers.get(LONGER[name] ?? '')).toBe(number);
});

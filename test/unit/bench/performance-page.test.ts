import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SECONDS, WARMUP_SECONDS } from '../../../bench/harness/case-builders.js';
import { CASES, PLANNED_SHARE } from '../../../bench/harness/cases.js';
import { pathOf } from '../../../bench/harness/paths.js';
import { FOLDER, PAGE_FILE, publishedFiles, RECORD_FILE } from '../../../bench/harness/publish.js';
import { condense, parseRecord } from '../../../bench/harness/record.js';

// To write them anew from what is kept: npm run bench -- --publish docs/performance/results.json

const text = (file: string): string => readFileSync(pathOf(file), 'utf8');
const record = parseRecord(text(RECORD_FILE));
const files = publishedFiles(record, text(PAGE_FILE));

test.each([...files.keys()])('%s is what docs/performance/results.json gives', (file) => {
  expect(text(file)).toBe(files.get(file));
});

test('the folder holds nothing else', () => {
  expect(
    readdirSync(pathOf(FOLDER))
      .map((name) => `${FOLDER}/${name}`)
      .sort(),
  ).toEqual([...files.keys()].filter((file) => file.startsWith(`${FOLDER}/`)).sort());
});

test('the record is condensed, and of a run whose figures mean something', () => {
  expect(condense(record)).toEqual(record);
  expect(record.quick).toBe(false);
});

test('the page tells the times and the share that the cases have', () => {
  const page = text(PAGE_FILE);
  expect(page).toContain(`warmed up for ${WARMUP_SECONDS} s and measured for ${SECONDS} s`);
  expect(page).toContain(`**Why ${PLANNED_SHARE} of a core`);
  const stalled = CASES.find(({ name }) => name === 'stalled')!;
  expect(page).toContain(`stalled clients for ${stalled.seconds} s`);
});

test('every chart is shown in the document', () => {
  const page = text(PAGE_FILE);
  for (const file of files.keys()) {
    if (!file.endsWith('.svg')) continue;
    expect(existsSync(pathOf(file))).toBe(true);
    expect(page).toContain(`](${file.replace('docs/', '')})`);
  }
});

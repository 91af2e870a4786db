import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { chartsOf } from './charts.js';
import { sectionsOf } from './page.js';
import { pathOf } from './paths.js';
import { fillSections } from './page-sections.js';
import { readRecord } from './record-file.js';
import { condense, type BenchRecord } from './record.js';

export const PAGE_FILE = 'docs/performance.md';
export const FOLDER = 'docs/performance';
export const RECORD_FILE = `${FOLDER}/results.json`;

/** The files that a published record is, by name from the root; `page` is the document as it stands. */
export function publishedFiles(record: BenchRecord, page: string): ReadonlyMap<string, string> {
  return new Map([
    [RECORD_FILE, recordText(record)],
    ...chartsOf(record).map(({ name, svg }): [string, string] => [`${FOLDER}/${name}`, svg]),
    [PAGE_FILE, fillSections(page, sectionsOf(record))],
  ]);
}

/** A summary on one line: changes are read, too. */
function recordText(record: BenchRecord): string {
  const text = JSON.stringify(record, null, 1);
  return `${text.replace(/\{\s*("median": [^{}]+?)\s*\}/g, (_, inner: string) => `{ ${inner.replace(/\s+/g, ' ')} }`)}\n`;
}

/**
 * Makes the document and its charts from the record in `file`; from docs/performance/results.json itself, again.
 * @throws Error when the file is no record, or one of a quick run.
 */
export async function publish(file: string): Promise<readonly string[]> {
  const record = condense(await readRecord(file));
  if (record.quick) throw new Error('the figures of a quick run mean nothing: they are not published');
  const files = publishedFiles(record, await readFile(pathOf(PAGE_FILE), 'utf8'));
  await mkdir(pathOf(FOLDER), { recursive: true });
  for (const [name, text] of files) await writeFile(pathOf(name), text);
  return [...files.keys()];
}

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { parseRecord, type BenchRecord } from './record.js';

/** @throws Error when the file can't be read, or is none. */
export async function readRecord(file: string): Promise<BenchRecord> {
  return parseRecord(await readFile(file, 'utf8'));
}

/** In one step, so that an interruption leaves the record before, whole. */
export async function writeRecord(file: string, record: BenchRecord): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.part`;
  await writeFile(part, `${JSON.stringify(record, null, 1)}\n`);
  await rename(part, file);
}

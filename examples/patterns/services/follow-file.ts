/** The lines of a file that grows, is rotated (renamed, and begun anew) and truncated, as `tail -F` has them. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A longer line comes in pieces. */
const MAX_LINE_BYTES = 64 * 1024;
/** How often the end of the file is looked at. */
const POLL_MS = 50;
/** `app.log.1` to `app.log.9` are known for what `app.log` was before. */
const MAX_ROTATED = 9;
const NEWLINE = 0x0a;

export interface FollowOptions {
  /** `end`: what is written from now on. Else from the file on in which something of this time may be: Unix milliseconds. */
  readonly from: 'end' | number;
  /** Go on with what is written later; else the lines end with the file. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads on only when its reader asks for more than it has read: whoever is slow
 * slows the reading of the file, and nothing piles up. What was rotated away is
 * read to its end first, and the files that came in between; what was truncated
 * before it was read is lost, for it is nowhere.
 */
export async function* followFile(path: string, options: FollowOptions): AsyncGenerator<string> {
  const { follow, signal } = options;
  const buffer = Buffer.allocUnsafe(MAX_LINE_BYTES);
  let file = await opened(path, options.from);
  try {
    let position = options.from === 'end' ? (await file.stat()).size : 0;
    /** Of `buffer`, the beginning of a line whose end is not there yet. */
    let held = 0;
    let isLastLook = false;
    while (!signal.aborted) {
      const { bytesRead } = await file.read(buffer, held, buffer.length - held, position);
      if (bytesRead > 0) {
        position += bytesRead;
        held += bytesRead;
        isLastLook = false;
        let start = 0;
        for (
          let end: number;
          (end = buffer.subarray(0, held).indexOf(NEWLINE, start)) >= 0;
          start = end + 1
        ) {
          yield buffer.toString('utf8', start, end);
        }
        if (start === 0 && held === buffer.length) {
          yield buffer.toString('utf8');
          start = held;
        }
        buffer.copyWithin(0, start, held);
        held -= start;
      } else if ((await file.stat()).size < position) {
        position = held = 0;
      } else {
        const next = await successorOf(path, file);
        if (next === undefined && !follow) {
          if (held > 0) yield buffer.toString('utf8', 0, held);
          return;
        }
        if (next === undefined) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
        else if (isLastLook) {
          if (held > 0) yield buffer.toString('utf8', 0, held);
          await file.close();
          file = next;
          position = held = 0;
        } else {
          // Its writer may have written once more before it was renamed.
          await next.close();
          isLastLook = true;
        }
      }
    }
  } finally {
    await file.close();
  }
}

/** What goes on where a file that was rotated away ends; undefined while it is the newest. */
async function successorOf(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const { ino } = await file.stat();
  const age = await ageOf(path, ino);
  if (age === 0) return undefined;
  try {
    // One that is under no name we know was rotated away long ago, or deleted: the newest is all there is.
    const next = await open(nameOf(path, age === undefined ? 0 : age - 1));
    if ((await ageOf(path, ino)) === age) return next;
    // Rotated while we looked: look again.
    await next.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return undefined;
}

/** The oldest that was written at this time or later; none is older than the newest. */
async function opened(path: string, from: FollowOptions['from']): Promise<FileHandle> {
  for (;;) {
    const name = await nameSince(path, from);
    const file = await open(name);
    const { ino } = await file.stat();
    // Rotated while we looked: look again.
    if ((await stat(await nameSince(path, from))).ino === ino) return file;
    await file.close();
  }
}

async function nameSince(path: string, from: FollowOptions['from']): Promise<string> {
  let name = path;
  for (let age = 1; from !== 'end' && age <= MAX_ROTATED; age += 1) {
    const found = await stat(nameOf(path, age)).catch(() => undefined);
    if (found === undefined || found.mtimeMs < from) break;
    name = nameOf(path, age);
  }
  return name;
}

/** How often the file has been rotated: 0 for the newest. */
async function ageOf(path: string, ino: number): Promise<number | undefined> {
  for (let age = 0; age <= MAX_ROTATED; age += 1) {
    const found = await stat(nameOf(path, age)).catch(() => undefined);
    if (found?.ino === ino) return age;
  }
  return undefined;
}

function nameOf(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

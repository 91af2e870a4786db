import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WatchedFile, type WatchedFileOptions } from '../../../src/auth/watched-file.js';
import { StartError } from '../../../src/core/start-error.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';

const SECRET = 'correct-horse-battery';
const clock = new FakeClock();
const logger = new RecordingLogger();
let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-watched-'));
  file = join(folder, 'words.txt');
  logger.lines.length = 0;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  expect(clock.activeTimers).toBe(0);
});

/** Words, one a line; the word "bad" can't be used. */
function words(text: string): readonly string[] {
  const all = text.split('\n').filter((word) => word !== '');
  const bad = all.indexOf('bad');
  if (bad >= 0) throw new Error(`line ${bad + 1} is bad`);
  return all;
}

function watched(
  options: Partial<WatchedFileOptions<readonly string[]>> = {},
): WatchedFile<readonly string[]> {
  return new WatchedFile({
    setting: 'auth.words',
    file,
    what: 'word file',
    maxBytes: 100,
    secret: false,
    intervalMs: 60_000,
    parse: words,
    clock,
    logger,
    ...options,
  });
}

function write(text: string | Uint8Array): void {
  writeFileSync(file, text, { mode: 0o600 });
}

function startError(options: Partial<WatchedFileOptions<readonly string[]>> = {}): StartError {
  try {
    watched(options);
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('it started');
}

describe('WatchedFile', () => {
  it('holds what the file says', () => {
    write('\uFEFFone\ntwo');
    expect(watched().value).toEqual(['one', 'two']);
    expect(logger.lines).toEqual([]);
  });

  describe('says in one sentence why it can not start', () => {
    it('no such file', () => {
      const error = startError();
      expect(error.setting).toBe('auth.words');
      expect(error.message).toBe(`auth.words: "${file}" can't be read: there is no such file.`);
    });

    it('a directory', () => {
      mkdirSync(file);
      expect(startError().message).toBe(`auth.words: "${file}" is a directory.`);
    });

    it('a named pipe, which it does not wait for', () => {
      execFileSync('mkfifo', [file]);
      expect(startError().message).toBe(`auth.words: "${file}" is not a regular file.`);
    });

    it('too large, which it does not read', () => {
      write('x'.repeat(101));
      expect(startError().message).toBe(`auth.words: "${file}" has 101 bytes, and 100 are the most.`);
      write('x'.repeat(100));
      expect(watched().value).toHaveLength(1);
    });

    it('not UTF-8', () => {
      write(Uint8Array.of(0x6f, 0xff));
      expect(startError().message).toBe(`auth.words: "${file}" is not UTF-8 text.`);
    });

    it('what the parser finds, bounded', () => {
      write('one\nbad');
      expect(startError().message).toBe(`auth.words: "${file}" line 2 is bad.`);
      const parse = (): never => {
        throw new Error('long '.repeat(1_000));
      };
      expect(startError({ parse }).message.length).toBeLessThan(1_000);
    });
  });

  it('takes up a change at the next interval, and says so', () => {
    write('one');
    const changes: unknown[] = [];
    const words = watched({ onChange: (...of) => changes.push(of) });
    words.start();
    write('two');
    clock.advance(59_999);
    expect(words.value).toEqual(['one']);
    clock.advance(1);
    expect(words.value).toEqual(['two']);
    expect(changes).toEqual([[['two'], ['one']]]);
    clock.advance(600_000);
    expect(changes).toHaveLength(1);
    expect(logger.lines).toEqual([
      { level: 'info', fields: { file }, message: 'word file has changed and is in use' },
    ]);
    words.stop();
  });

  it('is not parsed again while it stays the same', () => {
    write('one');
    let parsed = 0;
    const words = watched({
      parse: (text) => {
        parsed += 1;
        return [text];
      },
    });
    words.start();
    clock.advance(600_000);
    utimesSync(file, 1, 1);
    clock.advance(600_000);
    expect(words.reload()).toBe(false);
    expect(parsed).toBe(1);
    words.stop();
  });

  it('finds a change of the same size and time soon after the one before', () => {
    write('one');
    const now = new FakeClock({ wallStartMs: statSync(file).mtimeMs });
    const words = watched({ clock: now });
    words.start();
    const { atimeMs, mtimeMs } = statSync(file);
    write('two');
    utimesSync(file, atimeMs / 1_000, mtimeMs / 1_000);
    now.advance(60_000);
    expect(words.value).toEqual(['two']);
    words.stop();
  });

  it('finds a change of a file that had not been touched for long', () => {
    write('one');
    const later = new FakeClock({ wallStartMs: statSync(file).mtimeMs + 3_600_000 });
    const words = watched({ clock: later });
    words.start();
    later.advance(60_000);
    write('two');
    later.advance(60_000);
    expect(words.value).toEqual(['two']);
    words.stop();
  });

  it('keeps the last good content, with one line for each distinct fault', () => {
    write('one');
    const words = watched();
    words.start();
    write('bad');
    clock.advance(180_000);
    expect(words.value).toEqual(['one']);
    rmSync(file);
    clock.advance(180_000);
    expect(words.value).toEqual(['one']);
    write('one');
    clock.advance(180_000);
    expect(logger.messages('error')).toEqual([
      `auth.words: "${file}" line 1 is bad. What it held before stays in use.`,
      `auth.words: "${file}" can't be read: there is no such file. What it held before stays in use.`,
    ]);
    expect(logger.messages('info')).toEqual(['word file is as it was again']);
    write('bad');
    expect(words.reload()).toBe(false);
    expect(logger.messages('error')).toHaveLength(3);
    write('three');
    expect(words.reload()).toBe(true);
    expect(words.value).toEqual(['three']);
    words.stop();
  });

  it('looks again only when asked where the interval is 0, and not after stop', () => {
    write('one');
    const words = watched({ intervalMs: 0 });
    words.start();
    expect(clock.activeTimers).toBe(0);
    write('two');
    expect(words.reload()).toBe(true);
    const stopped = watched();
    stopped.start();
    stopped.start();
    stopped.stop();
    stopped.stop();
    write('three');
    clock.advance(600_000);
    expect(stopped.value).toEqual(['two']);
  });

  it('goes on looking after a consumer of a change has failed', () => {
    write('one');
    const words = watched({
      onChange: () => {
        throw new Error('of the consumer');
      },
    });
    words.start();
    write('two');
    expect(() => {
      clock.advance(60_000);
    }).toThrow('of the consumer');
    expect(clock.activeTimers).toBe(1);
    words.stop();
  });

  it.skipIf(process.platform === 'win32')(
    'warns once of a file of secrets that everybody can read, and tells none of them',
    () => {
      write(SECRET);
      chmodSync(file, 0o644);
      watched();
      expect(logger.lines).toEqual([]);
      const words = watched({ secret: true });
      words.reload();
      words.reload();
      expect(logger.messages('warn')).toEqual(['a file of secrets can be read by everybody on this machine']);
      chmodSync(file, 0o640);
      watched({ secret: true });
      expect(logger.messages('warn')).toHaveLength(1);
      expect(JSON.stringify(logger.lines)).not.toContain(SECRET);
    },
  );
});

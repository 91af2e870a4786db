import { describe, expect, it } from 'vitest';
import { MessageScanner } from '../../../src/proxy/message-scanner.js';
import { message } from '../../helpers/proxied-world.js';

/** What a scanner lets through of these chunks. */
function through(scanner: MessageScanner, chunks: readonly Uint8Array[], most?: number): Buffer {
  const passed: Uint8Array[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length && scanner.fault === undefined; at = scanner.next) {
      scanner.scan(chunk, at, most);
      if (scanner.before !== undefined) passed.push(scanner.before);
      passed.push(chunk.subarray(scanner.start, scanner.end));
    }
  }
  return Buffer.concat(passed);
}

describe('MessageScanner', () => {
  const messages = [message(3), message(0), message(300), message(0), message(1)];
  const all = Buffer.concat(messages);

  it('counts the same messages and lets the same bytes through wherever a chunk is cut', () => {
    for (let cut = 0; cut <= all.length; cut += 1) {
      const scanner = new MessageScanner(300);
      expect(through(scanner, [all.subarray(0, cut), all.subarray(cut)]).equals(all)).toBe(true);
      expect(scanner.messages).toBe(messages.length);
      expect(scanner.rest).toHaveLength(0);
    }
    const byByte = new MessageScanner(0);
    expect(
      through(
        byByte,
        [...all].map((byte) => Buffer.from([byte])),
      ),
    ).toEqual(all);
    expect(byByte.messages).toBe(messages.length);
  });

  it('copies nothing but a prefix that is cut', () => {
    const scanner = new MessageScanner(0);
    scanner.scan(all, 0);
    expect([scanner.start, scanner.end, scanner.next, scanner.before]).toEqual([
      0,
      all.length,
      all.length,
      undefined,
    ]);
  });

  it('stops where as many messages as asked for have ended', () => {
    const scanner = new MessageScanner(0);
    scanner.scan(all, 0, 2);
    expect([scanner.messages, scanner.end, scanner.next]).toEqual([2, 13, 13]);
    scanner.scan(all, scanner.next, 1);
    expect([scanner.messages, scanner.start, scanner.end]).toEqual([3, 13, 318]);
    expect(through(new MessageScanner(0), [all], 1)).toEqual(all);
  });

  it.each([1, 2, 3, 4, 5])(
    'refuses a message over the limit before its first byte goes, its prefix cut after %i',
    (cut) => {
      const scanner = new MessageScanner(10);
      const bytes = Buffer.concat([message(10), message(11)]);
      const at = 15 + cut;
      expect(through(scanner, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(message(10));
      expect(scanner.fault).toEqual({ kind: 'too-large', sizeBytes: 11 });
      expect(scanner.messages).toBe(1);
    },
  );

  it('reads a length of four bytes as one without a sign', () => {
    const scanner = new MessageScanner(10);
    scanner.scan(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), 0);
    expect(scanner.fault).toEqual({ kind: 'too-large', sizeBytes: 2 ** 32 - 1 });
  });

  it('lets compressed messages through, and no other flag', () => {
    const scanner = new MessageScanner(0);
    const compressed = message(2);
    compressed[0] = 1;
    const bad = message(2);
    bad[0] = 2;
    expect(through(scanner, [Buffer.concat([compressed, bad])])).toEqual(compressed);
    expect(scanner.fault).toEqual({ kind: 'bad-flag', flag: 2 });
  });

  it('gives out what it has of a prefix that never came whole', () => {
    const scanner = new MessageScanner(0);
    expect(through(scanner, [Buffer.concat([message(1), Buffer.from([0, 0, 1])])])).toEqual(message(1));
    expect([...scanner.rest]).toEqual([0, 0, 1]);
  });
});

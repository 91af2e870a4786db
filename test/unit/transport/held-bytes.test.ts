import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { BodyReader, encodeBodies } from '../../../src/transport/bodies.js';
import { MessageReader } from '../../../src/transport/grpc/message-reader.js';
import { HeldBytes } from '../../../src/flow/held-bytes.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';

const MAX_BYTES = 1 << 20;
const CHUNK_BYTES = 16 * 1024;

function framed(body: Uint8Array, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function frameOf(length: number): Buffer {
  return framed(encodeBodies('message', [dataMessage({ data: new Uint8Array(length) })], MAX_BYTES)[0]!);
}

function batchOf(count: number, length: number): Buffer {
  const messages = Array.from({ length: count }, () => dataMessage({ data: new Uint8Array(length) }));
  return framed(encodeBodies('batch', messages, MAX_BYTES)[0]!);
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  // Copies: each chunk of a network has memory of its own.
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    yield Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
}

const nobody = () => undefined;

describe('what a stream holds of what has arrived is in the account', () => {
  it('a message half received, as far as room was made for it; nothing once it is handed over', () => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader('message', 'identity', MAX_BYTES, nobody, account);
    const messages: DataMessage[] = [];
    let most = 0;
    for (const chunk of chunksOf(frameOf(600_000))) {
      reader.push(chunk);
      reader.fill(messages, 10);
      most = Math.max(most, account.bytes);
      expect(account.bytes).toBe(reader.heldBytes);
    }
    expect(messages).toHaveLength(1);
    expect(most).toBeGreaterThanOrEqual(580_000);
    expect(most).toBeLessThanOrEqual(610_000);
    expect(account.bytes).toBe(0);
  });

  it('a length alone is not: what never came holds nothing', () => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader('message', 'identity', MAX_BYTES, nobody, account);
    reader.push(frameOf(1_000_000).subarray(0, 100));
    reader.fill([], 10);
    expect(account.bytes).toBeLessThanOrEqual(64 * 1024);
  });

  it('what there was no room for: the rest of a chunk, a batch until its end', () => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader('batch', 'identity', MAX_BYTES, nobody, account);
    const messages: DataMessage[] = [];
    for (const chunk of chunksOf(batchOf(100, 1_000))) {
      reader.push(chunk);
      expect(reader.fill(messages, 1)).toBe(messages.length === 1 ? 'full' : 'empty');
    }
    expect(messages).toHaveLength(1);
    expect(account.bytes).toBeGreaterThanOrEqual(100_000);
    reader.fill(messages, 100);
    expect(account.bytes).toBeGreaterThanOrEqual(100_000);
    expect(reader.fill(messages, 1_000)).toBe('empty');
    expect([messages.length, account.bytes]).toEqual([100, 0]);
  });

  it('chunks that nobody has begun, once they are counted; each fill begins a few of them', () => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader('message', 'identity', MAX_BYTES, nobody, account);
    const frames = Buffer.concat(Array.from({ length: 100 }, () => frameOf(1_000)));
    const chunks = [...chunksOf(frames)];
    for (const chunk of chunks) reader.push(chunk);
    const pushed = frames.length + chunks.length * 128;
    expect([reader.pushedBytes, account.bytes]).toEqual([pushed, 0]);
    reader.count();
    expect(account.bytes).toBe(pushed);
    const messages: DataMessage[] = [];
    expect(reader.fill(messages, 1_000)).toBe('full');
    // Who has room for so many bytes only is not given more.
    expect(messages.length).toBeLessThanOrEqual(CHUNK_BYTES / 1_000);
    expect(account.bytes).toBeGreaterThan(frames.length - 2 * CHUNK_BYTES);
    let outcome: unknown = 'full';
    while (outcome === 'full') outcome = reader.fill(messages, 1_000);
    expect(outcome).toBe('empty');
    expect([messages.length, reader.pushedBytes, account.bytes]).toEqual([100, 0, 0]);
    for (const chunk of chunksOf(frames)) reader.push(chunk);
    reader.clear();
    expect([reader.fill([], 1), reader.pushedBytes]).toEqual(['empty', 0]);
  });

  it('small messages are not, however the chunks cut them', () => {
    const account = new ByteAccount(1 << 30);
    const changes: number[] = [];
    const counting = { add: (bytes: number) => changes.push(bytes) };
    const reader = new MessageReader('message', 'identity', MAX_BYTES, nobody, counting);
    const messages: DataMessage[] = [];
    for (const chunk of chunksOf(Buffer.concat(Array.from({ length: 500 }, () => frameOf(256))))) {
      reader.push(chunk);
      reader.fill(messages, 1_000);
    }
    expect(messages).toHaveLength(500);
    expect([changes, account.bytes]).toEqual([[], 0]);
  });

  it('an inflated message, until it is handed over', async () => {
    const account = new ByteAccount(1 << 30);
    let resolve: () => void = nobody;
    const inflated = new Promise<void>((done) => {
      resolve = done;
    });
    const reader = new MessageReader(
      'message',
      'deflate',
      MAX_BYTES,
      () => {
        resolve();
      },
      account,
    );
    const [body] = encodeBodies('message', [dataMessage({ data: new Uint8Array(500_000) })], MAX_BYTES);
    reader.push(framed(deflateSync(body!), true));
    const messages: DataMessage[] = [];
    expect(reader.fill(messages, 1)).toBe('inflating');
    expect(account.bytes).toBe(0);
    await inflated;
    // No room yet: it waits inflated.
    expect(account.bytes).toBeGreaterThanOrEqual(500_000);
    reader.fill(messages, 2);
    expect([messages.length, account.bytes]).toEqual([1, 0]);
  });

  it.each(['message', 'batch'] as const)('nothing once the reading is over (%s)', (method) => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader(method, 'identity', MAX_BYTES, nobody, account);
    const bytes = method === 'message' ? frameOf(100_000) : batchOf(100, 1_000);
    for (const chunk of chunksOf(bytes.subarray(0, 60_000))) {
      reader.push(chunk);
      reader.fill([], 1);
    }
    expect(account.bytes).toBeGreaterThan(50_000);
    reader.clear();
    expect([account.bytes, reader.heldBytes]).toEqual([0, 0]);
  });

  it('nothing behind what can not be read', () => {
    const account = new ByteAccount(1 << 30);
    const reader = new MessageReader('message', 'identity', MAX_BYTES, nobody, account);
    const garbage = framed(new Uint8Array(50_000).fill(0xff));
    reader.push(Buffer.concat([garbage, frameOf(50_000)]));
    expect(reader.fill([], 10)).toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(account.bytes).toBe(0);
  });
});

describe('BodyReader', () => {
  it.each(['message', 'batch'] as const)('knows the bytes of the bodies it holds (%s)', (method) => {
    const reader = new BodyReader(method);
    const bodies = [1, 2].flatMap(() =>
      encodeBodies(
        method,
        [dataMessage({ data: new Uint8Array(100) }), dataMessage({ key: 'k' })],
        MAX_BYTES,
      ),
    );
    let total = 0;
    for (const body of bodies) {
      reader.push(body);
      total += body.length;
    }
    expect(reader.bytes).toBe(total);
    const messages: DataMessage[] = [];
    reader.fill(messages, 1);
    expect(reader.bytes).toBe(method === 'message' ? total - bodies[0]!.length : total);
    reader.fill(messages, 10);
    expect([messages.length, reader.bytes]).toEqual([4, 0]);
    reader.push(bodies[0]!);
    reader.clear();
    expect(reader.bytes).toBe(0);
  });
});

describe('HeldBytes', () => {
  it('counts what is worth it, and changes only', () => {
    const changes: number[] = [];
    const held = new HeldBytes({ add: (bytes) => changes.push(bytes) });
    for (const bytes of [100, 5_000, 5_000, 8_000, 4_095, 0]) held.set(bytes);
    expect(changes).toEqual([5_000, 3_000, -8_000]);
    expect(held.counted).toBe(0);
  });
});

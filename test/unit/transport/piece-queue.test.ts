import { describe, expect, test } from 'vitest';
import { PieceQueue } from '../../../src/transport/grpc/piece-queue.js';

const PIECE = 64 * 1024;

function piecesOf(queue: PieceQueue): Uint8Array[][] {
  const pieces: Uint8Array[][] = [];
  while (queue.bytes > 0) {
    const piece: Uint8Array[] = [];
    queue.take((chunk) => piece.push(chunk));
    pieces.push(piece);
  }
  return pieces;
}

describe('PieceQueue', () => {
  test.each([
    [[1]],
    [[PIECE]],
    [[PIECE + 1]],
    [[3 * PIECE]],
    [[10, 2 * PIECE, 10, 10]],
    [[PIECE - 1, 1, 1, PIECE, 5]],
    [Array.from({ length: 300 }, () => 1_000)],
  ])('%j: everything in order, a full piece at a time but the last, nothing of size copied', (sizes) => {
    const chunks = sizes.map((size, index) => Buffer.alloc(size, index));
    const all = Buffer.concat(chunks);
    const queue = new PieceQueue();
    for (const chunk of chunks) queue.push(chunk);
    expect(queue.bytes).toBe(all.length);
    const pieces = piecesOf(queue);
    expect(pieces.map((piece) => Buffer.concat(piece).length)).toEqual(
      Array.from({ length: Math.ceil(all.length / PIECE) }, (_, index) =>
        Math.min(PIECE, all.length - index * PIECE),
      ),
    );
    expect(Buffer.concat(pieces.flat()).equals(all)).toBe(true);
    const memory = new Set<ArrayBufferLike>(chunks.map((chunk) => chunk.buffer));
    const large = pieces.flat().filter((part) => part.length > 100);
    expect(large.every((part) => memory.has(part.buffer))).toBe(true);
  });

  test('chunks of one byte go as a few', () => {
    const queue = new PieceQueue();
    const all = Buffer.from(Uint8Array.from({ length: 2 * PIECE }, (_, index) => index % 251));
    for (let at = 0; at < all.length; at += 1) queue.push(all.subarray(at, at + 1));
    expect(queue.bytes).toBe(2 * PIECE);
    const pieces = piecesOf(queue);
    expect(pieces.length).toBe(2);
    expect(pieces.flat().length).toBeLessThanOrEqual(40);
    expect(Buffer.concat(pieces.flat()).equals(all)).toBe(true);
  });

  test('what is pushed between takes goes behind', () => {
    const queue = new PieceQueue();
    queue.push(Buffer.alloc(PIECE + 2, 1));
    const taken: Uint8Array[] = [];
    const take = (): void => {
      queue.take((chunk) => taken.push(chunk));
    };
    take();
    expect(queue.bytes).toBe(2);
    queue.push(Buffer.alloc(3, 2));
    take();
    take();
    expect(queue.bytes).toBe(0);
    expect(Buffer.concat(taken).subarray(PIECE)).toEqual(Buffer.from([1, 1, 2, 2, 2]));
  });
});

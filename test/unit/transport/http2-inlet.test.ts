import type { Http2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { Http2Inlet } from '../../../src/transport/grpc/http2-inlet.js';

const WINDOW = 64 * 1024;

function open() {
  const http2 = new Duplex({ read: () => undefined, write: () => undefined }) as unknown as Http2Stream;
  const chunks: Uint8Array[] = [];
  const world = {
    chunks,
    ends: 0,
    /** As HTTP/2 does with a frame. */
    bring: (bytes: Uint8Array): boolean => http2.push(bytes),
    onChunk: (): void => undefined,
    inlet: undefined as unknown as Http2Inlet,
  };
  world.inlet = new Http2Inlet(http2, {
    onChunk: (chunk) => {
      chunks.push(chunk);
      world.onChunk();
    },
    onHeld: () => undefined,
    onEnd: () => (world.ends += 1),
  });
  return world;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('a window of frames of one byte is held as a few chunks, and given whole', async () => {
  const { inlet, chunks, bring } = open();
  const slab = Buffer.from(Uint8Array.from({ length: WINDOW }, (_, index) => index % 251));
  for (let at = 0; at < WINDOW; at += 1) bring(slab.subarray(at, at + 1));
  expect(inlet.heldBytes).toBe(WINDOW);
  inlet.resume();
  await turn();
  expect(inlet.heldBytes).toBe(0);
  expect(chunks.length).toBeLessThanOrEqual(20);
  expect(Buffer.concat(chunks).equals(slab)).toBe(true);
});

it('keeps the order, and ends once, when it is paused, resumed and finished from within', async () => {
  const world = open();
  const { inlet, chunks, bring } = world;
  const large = (fill: number): Buffer => Buffer.alloc(1_000, fill);
  for (let n = 0; n < 4; n += 1) bring(large(n));
  world.onChunk = () => {
    inlet.pause();
    if (chunks.length === 1) bring(large(4));
    if (chunks.length < 3) inlet.resume();
    if (chunks.length === 5) inlet.finish();
  };
  inlet.resume();
  await turn();
  expect(chunks.map((chunk) => chunk[0])).toEqual([0, 1, 2]);
  expect(inlet.heldBytes).toBe(2_000);
  inlet.resume();
  await turn();
  inlet.resume();
  await turn();
  expect(chunks.map((chunk) => chunk[0])).toEqual([0, 1, 2, 3, 4]);
  expect(world.ends).toBe(1);
  expect(inlet.heldBytes).toBe(0);
});

it('gives nothing more of what it holds once the rest is ignored', async () => {
  const world = open();
  const { inlet, chunks, bring } = world;
  for (let n = 0; n < 4; n += 1) bring(Buffer.alloc(1_000, n));
  world.onChunk = () => {
    inlet.ignore();
  };
  inlet.resume();
  await turn();
  expect(chunks.length).toBe(1);
  expect(inlet.heldBytes).toBe(0);
  inlet.finish();
  expect(bring(Buffer.alloc(1))).toBe(true);
  expect(chunks.length).toBe(1);
  expect(world.ends).toBe(0);
});

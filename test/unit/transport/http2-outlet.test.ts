import type { Http2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { Http2Outlet } from '../../../src/transport/grpc/http2-outlet.js';

/** HTTP/2 with a peer that takes what it is told to. */
function open() {
  const out: Buffer[] = [];
  let taken: (() => void) | undefined;
  let writes = 0;
  const took = (chunks: readonly Buffer[], done: () => void): void => {
    taken = () => {
      out.push(...chunks);
      done();
    };
  };
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      took([chunk], done);
    },
    writev: (entries, done) => {
      took(
        entries.map(({ chunk }) => chunk as Buffer),
        done,
      );
    },
  });
  const write = stream.write.bind(stream) as (chunk: Uint8Array, done: () => void) => boolean;
  const http2 = Object.assign(stream, {
    write: (chunk: Uint8Array, done: () => void) => {
      writes += 1;
      return write(chunk, done);
    },
  }) as unknown as Http2Stream;
  const falls: number[] = [];
  const outlet: Http2Outlet = new Http2Outlet(http2, () => falls.push(outlet.bytesInFlight));
  return {
    outlet,
    falls,
    out,
    http2,
    writes: () => writes,
    /** Takes all there is, and what comes behind it. */
    async takeAll(): Promise<void> {
      for (let next = taken; next !== undefined; next = taken) {
        taken = undefined;
        next();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

it('of what a peer does not take HTTP/2 is given a few chunks, however small they are', async () => {
  const world = open();
  const { outlet, falls } = world;
  const all = Buffer.from(Uint8Array.from({ length: 20_000 }, (_, index) => index % 251));
  for (let at = 0; at < all.length; at += 1) outlet.send(all.subarray(at, at + 1));
  expect(outlet.bytesInFlight).toBe(all.length);
  expect(world.writes()).toBeLessThanOrEqual(64);
  outlet.end();
  await world.takeAll();
  expect(Buffer.concat(world.out).equals(all)).toBe(true);
  expect(world.writes()).toBeLessThanOrEqual(100);
  expect(falls.at(-1)).toBe(0);
  expect(falls).toEqual([...falls].sort((a, b) => b - a));
  expect(world.http2.writableFinished).toBe(true);
});

it('once it is taken, what is sent goes as it comes again', async () => {
  const world = open();
  const { outlet } = world;
  for (let n = 0; n < 200; n += 1) outlet.send(Buffer.alloc(10, n));
  await world.takeAll();
  const before = world.writes();
  for (let n = 200; n < 220; n += 1) outlet.send(Buffer.alloc(10, n));
  expect(world.writes()).toBe(before + 20);
  await world.takeAll();
  expect(outlet.bytesInFlight).toBe(0);
  expect(Buffer.concat(world.out)).toEqual(
    Buffer.concat(Array.from({ length: 220 }, (_, n) => Buffer.alloc(10, n))),
  );
});

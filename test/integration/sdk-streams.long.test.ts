import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { startGateway } from '../helpers/gateway.js';

const CHUNK_BYTES = 64 * 1024;
const TOTAL_BYTES = 100 * 1024 * 1024;
const CHUNKS = TOTAL_BYTES / CHUNK_BYTES;
/** Both ends and the gateway are in this process, each with windows and queues of 1 MiB or 2 in each direction. */
const MOST_BYTES = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heldBytes(): number {
  // Buffers are let go beside the collection: the second waits for what the first has found.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Each chunk's bytes are its number. */
function numbered(): Readable {
  return Readable.from(
    (function* () {
      for (let n = 0; n < CHUNKS; n += 1) yield Buffer.alloc(CHUNK_BYTES, n % 251);
    })(),
    { objectMode: false },
  );
}

/** Fails at the first byte out of place. */
function checked(): Writable & { bytes: number } {
  const writable = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      for (let at = 0; at < chunk.length; at += 997) {
        const expected = Math.floor((writable.bytes + at) / CHUNK_BYTES) % 251;
        if (chunk[at] !== expected)
          callback(new Error(`byte ${writable.bytes + at} is ${String(chunk[at])}`));
      }
      writable.bytes += chunk.length;
      callback();
    },
  }) as Writable & { bytes: number };
  writable.bytes = 0;
  return writable;
}

it('100 MiB go up and come back through pipelines, in memory that stays flat', async () => {
  await using gateway = await startGateway();
  await using client = connect(gateway.address);
  const carry = async (): Promise<number> => {
    await using session = await client.open('echo');
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, heldBytes());
    }, 200);
    const target = checked();
    try {
      await Promise.all([pipeline(numbered(), session.writable()), pipeline(session.readable(), target)]);
    } finally {
      clearInterval(look);
    }
    expect(target.bytes).toBe(TOTAL_BYTES);
    return most;
  };
  await carry();
  const before = heldBytes();
  expect((await carry()) - before).toBeLessThan(MOST_BYTES);
  // And nothing of it stays.
  expect(heldBytes() - before).toBeLessThan(16 * 1024 * 1024);
});

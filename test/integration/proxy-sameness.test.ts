/** What a client sees of a backend is the same with a gateway on the way: grpc-js on both ends. */
import { describe, it } from 'vitest';
import { PlayBackend } from '../helpers/play-backend.js';
import { PlayWorld } from '../helpers/play-world.js';
import { expectSame, sameCalls } from '../helpers/same-calls.js';
import { sameWays } from '../helpers/same-ways.js';

const short = sameCalls.filter(({ notBy = [], long }) => !notBy.includes('node') && long !== true);

describe('a backend, asked directly and through the gateway', () => {
  it('answers calls of every kind the same', async () => {
    await using backend = await PlayBackend.start();
    await using world = await PlayWorld.start(backend.address);
    await expectSame(short, world.direct, world.through);
  });

  it.for(sameWays)('$what', async ({ expectIt }) => {
    await using backend = await PlayBackend.start();
    await using world = await PlayWorld.start(backend.address);
    await expectIt(world, backend.address);
  });
});

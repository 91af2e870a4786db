/** What a client sees of a backend is the same with a gateway on the way, whatever the backend is written in. */
import { describe, it } from 'vitest';
import { LANGUAGES, startPlayBackend } from '../helpers/play-backends.js';
import { PlayWorld } from '../helpers/play-world.js';
import { expectSame, sameCalls } from '../helpers/same-calls.js';
import { sameWays } from '../helpers/same-ways.js';

describe.for(LANGUAGES)('a backend in %s, asked directly and through the gateway', (language) => {
  it('answers calls of every kind the same', async (context) => {
    await using backend = await startPlayBackend(language, context);
    await using world = await PlayWorld.start(backend.address);
    await expectSame(
      sameCalls.filter(({ notBy = [] }) => !notBy.includes(language)),
      world.direct,
      world.through,
    );
  });

  it.for(sameWays)('$what', async ({ expectIt }, context) => {
    await using backend = await startPlayBackend(language, context);
    await using world = await PlayWorld.start(backend.address);
    await expectIt(world, backend.address);
  });
});

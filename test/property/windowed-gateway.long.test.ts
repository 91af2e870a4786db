import fc from 'fast-check';
import { it } from 'vitest';
import { moves, options } from './model/moves.js';
import { RealGateway } from './model/real-gateway.js';
import { World } from './model/world.js';

it('the gateway keeps its promises to honest clients, whatever breaks', { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(options, moves, async (worldOptions, steps) => {
      await new World(worldOptions, (...made) => new RealGateway(...made)).run(steps);
    }),
    // Some 20 seconds; stops in time on a slow machine rather than failing there.
    { numRuns: 10_000, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: false },
  );
});

import fc from 'fast-check';
import { it } from 'vitest';
import { ModelGateway } from './model/gateway.js';
import { moves, options } from './model/moves.js';
import { World } from './model/world.js';

it('the protocol keeps its promises to honest clients, whatever breaks', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(options, moves, async (worldOptions, steps) => {
      await new World(worldOptions, (...made) => new ModelGateway(...made)).run(steps);
    }),
    // Some seconds; stops in time on a slow machine rather than failing there.
    { numRuns: 20_000, interruptAfterTimeLimit: 90_000, markInterruptAsFailure: false },
  );
});

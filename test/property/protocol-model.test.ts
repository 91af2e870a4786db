import fc from 'fast-check';
import { describe, it } from 'vitest';
import { ModelGateway } from './model/gateway.js';
import { move, options } from './model/moves.js';
import { World } from './model/world.js';

describe('the protocol of windowed sessions, as a model', () => {
  it('keeps its promises to honest clients, whatever breaks', () => {
    fc.assert(
      fc.property(
        options,
        fc.array(move, { minLength: 20, maxLength: 150, size: 'max' }),
        (worldOptions, moves) => {
          const world = new World(worldOptions, (...made) => new ModelGateway(...made));
          world.do({ kind: 'connect' });
          for (const step of moves) world.do(step);
          world.comeToRest();
          world.vanish();
        },
      ),
      { numRuns: 200 },
    );
  });
});

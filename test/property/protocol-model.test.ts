import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from './model/cases.js';
import { ModelGateway } from './model/gateway.js';
import { moves, options } from './model/moves.js';
import { Script } from './model/script.js';
import { World, type MakeGateway } from './model/world.js';

const makeGateway: MakeGateway = (...made) => new ModelGateway(...made);

describe('the protocol of windowed sessions, as a model', () => {
  it('keeps its promises to honest clients, whatever breaks', async () => {
    await fc.assert(
      fc.asyncProperty(options, moves, async (worldOptions, steps) => {
        await new World(worldOptions, makeGateway).run(steps);
      }),
      { numRuns: 200 },
    );
  });

  it.each(cases)('$name', async ({ options: fixed, run }) => {
    const script = new Script(makeGateway, fixed ?? {});
    await run(script, (connection, ...written) => {
      expect(script.read(connection)).toEqual(written);
    });
  });
});

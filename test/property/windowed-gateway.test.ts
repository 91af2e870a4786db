/** The gateway that is built keeps the promises that the model of its protocol keeps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from './model/cases.js';
import { moves, options } from './model/moves.js';
import { RealGateway } from './model/real-gateway.js';
import { Script } from './model/script.js';
import { World, type MakeGateway } from './model/world.js';

const makeGateway: MakeGateway = (...made) => new RealGateway(...made);

describe('the gateway, under the moves and checks of the model', () => {
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
      // What it has granted it does not change within an attachment.
      expect(script.read(connection)).toEqual(written.filter((line) => !line.startsWith('WINDOW')));
    });
  });
});

/** The gateway that is built keeps the promises that the model of its protocol keeps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from './model/cases.js';
import { moves, options } from './model/moves.js';
import { RealGateway } from './model/real-gateway.js';
import { Script } from './model/script.js';
import { World } from './model/world.js';

/** Acks that wait for company for so long are written alone, between the moves of a run. */
const ACK_DELAY_MS = 5;

describe('the gateway, under the moves and checks of the model', () => {
  it('keeps its promises to honest clients, whatever breaks', async () => {
    await fc.assert(
      fc.asyncProperty(options, moves, async (worldOptions, steps) => {
        await new World(worldOptions, (...made) => new RealGateway(...made, ACK_DELAY_MS)).run(steps);
      }),
      { numRuns: 200 },
    );
  });

  it.each(cases)('$name', ({ options: fixed, run }) => {
    const script = new Script((...made) => new RealGateway(...made), fixed ?? {});
    run(script, (connection, ...written) => {
      // What it has granted it does not change within an attachment.
      expect(script.read(connection)).toEqual(written.filter((line) => !line.startsWith('WINDOW')));
    });
  });
});

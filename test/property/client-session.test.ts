/** A session of the SDK keeps its promises, whatever breaks: against the model of the gateway, and against the gateway. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { clientSides, steps } from './client-session-steps.js';
import { SessionWorld } from './client-session-world.js';
import { ModelGateway } from './model/gateway.js';
import { options } from './model/moves.js';
import { RealGateway } from './model/real-gateway.js';
import type { MakeGateway } from './model/world.js';

const gateways: readonly (readonly [string, MakeGateway])[] = [
  ['the model', (...made) => new ModelGateway(...made)],
  ['the gateway', (...made) => new RealGateway(...made)],
];

describe.each(gateways)('a session of the SDK and %s', (_name, makeGateway) => {
  it('agree on every message', async () => {
    await fc.assert(
      fc.asyncProperty(options, clientSides, steps, async (worldOptions, client, moves) => {
        await new SessionWorld(worldOptions, client, makeGateway).run(moves);
      }),
      { numRuns: 200 },
    );
  });
});

/** examples/python-client, run as its README says, over networks that break. */
import { describe, expect, it } from 'vitest';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { pythonClient, requirePython } from '../helpers/external-clients.js';
import { startGateway } from '../helpers/gateway.js';
import { seededRandom } from '../helpers/windowed-random.js';

const MESSAGES = 2_000;
const seed = Number(process.env['CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('examples/python-client', () => {
  it.for([0, 8])(
    `loses and repeats nothing over %i broken connections (CUT_SEED=${seed})`,
    async (cuts, context) => {
      await requirePython(context);
      await using server = await startGateway();
      await using proxy = await FaultProxy.start(server.address, {
        ...{ cuts, meanBytes: 5_000 },
        random: seededRandom(seed),
      });
      const args = ['--address', proxy.address, '--messages', String(MESSAGES)];
      expect(await pythonClient('example.py', args)).toEqual({
        ...{ sent: MESSAGES, accepted: MESSAGES, received: MESSAGES, eachOnceInOrder: true },
        ...{ connections: expect.any(Number), lost: [], failed: [], closed: '', reason: '' },
      });
      expect(proxy.cuts).toBe(cuts);
      const { up, down } = server.gateway.metrics;
      for (const flow of [up, down]) expect(flow).toMatchObject({ admitted: MESSAGES, delivered: MESSAGES });
    },
  );
});

/** examples/backends/python, run as its README says, behind a gateway. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { ExampleBackend } from '../helpers/example-backend.js';
import { PythonStubs, requirePython } from '../helpers/external-clients.js';
import {
  answersInCapitals,
  leavesInPeace,
  outlivesItsBackends,
  type StartBackend,
} from '../helpers/example-backends.js';

/** Of grpcio-health-checking. */
const HEALTH = 'grpc_health';

describe('examples/backends/python', () => {
  let stubs: PythonStubs;
  beforeAll(async () => {
    stubs = await PythonStubs.make();
  });
  afterAll(() => stubs.remove());

  const start: StartBackend = async (address) => {
    const [command, args] = await stubs.command('example.py', ['backends/python/backend.py'], HEALTH);
    return ExampleBackend.start(command, args, address);
  };

  it('answers in order, fails a bad message alone, greets by itself', async (context) => {
    await requirePython(context, HEALTH);
    await answersInCapitals(start);
  });

  it('is killed again and again, and its sessions go on at another', async (context) => {
    await requirePython(context, HEALTH);
    await outlivesItsBackends(start);
  });

  it('leaves when its sessions have ended', async (context) => {
    await requirePython(context, HEALTH);
    await leavesInPeace(start);
  });
});

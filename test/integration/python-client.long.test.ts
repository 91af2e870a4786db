/** examples/python-client, run as its README says, over networks that break. */
import { describe, it, type TestContext } from 'vitest';
import {
  cutSeed,
  inSeveralMessages,
  overALostClose,
  overBrokenConnections,
  withoutAValidToken,
  withTokensThatExpire,
} from '../helpers/echo-numbers.js';
import { pythonClient, requirePython } from '../helpers/external-clients.js';

describe('examples/python-client', () => {
  const client = async (context: TestContext) => {
    await requirePython(context);
    return (args: readonly string[]) =>
      pythonClient('example.py', ['python-client/echo_numbers.py', ...args]);
  };

  it.for([0, 8])(
    `loses and repeats nothing over %i broken connections (CUT_SEED=${cutSeed})`,
    async (cuts, context) => {
      await overBrokenConnections(await client(context), cuts);
    },
  );

  it('acknowledges and closes again where that was lost', async (context) => {
    await overALostClose(await client(context));
  });

  it(`keeps payloads of several messages whole (CUT_SEED=${cutSeed})`, async (context) => {
    await inSeveralMessages(await client(context));
  });

  it('renews its token within the connection', async (context) => {
    await withTokensThatExpire(await client(context), ['--delay', '0.045']);
  });

  it('does not insist where its token is refused', async (context) => {
    await withoutAValidToken(await client(context));
  });
});

/** examples/go-client, made and run as its README says, over networks that break. */
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import {
  cutSeed,
  inSeveralMessages,
  overALostClose,
  overBrokenConnections,
  withoutAValidToken,
  withTokensThatExpire,
} from '../helpers/echo-numbers.js';
import { buildGoExample, type GoExample } from '../helpers/go-toolchain.js';

describe('examples/go-client', () => {
  let example: GoExample;
  beforeAll(async () => {
    example = await buildGoExample('examples/go-client');
  }, 10 * 60_000);
  const client = (context: TestContext) => {
    example.require(context);
    return (args: readonly string[]) => example.run(args);
  };

  it('is as gofmt and go vet want it', async (context) => {
    example.require(context);
    expect(await example.remarks()).toBe('');
  });

  it.for([0, 8])(
    `loses and repeats nothing over %i broken connections (CUT_SEED=${cutSeed})`,
    async (cuts, context) => {
      await overBrokenConnections(client(context), cuts);
    },
  );

  it('acknowledges and closes again where that was lost', async (context) => {
    await overALostClose(client(context));
  });

  it(`keeps payloads of several messages whole (CUT_SEED=${cutSeed})`, async (context) => {
    await inSeveralMessages(client(context));
  });

  it('renews its token within the connection', async (context) => {
    await withTokensThatExpire(client(context), ['--delay', '45ms']);
  });

  it('does not insist where its token is refused', async (context) => {
    await withoutAValidToken(client(context));
  });
});

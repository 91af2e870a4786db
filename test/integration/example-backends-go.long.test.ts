/** examples/backends/go, made and run as its README says, behind a gateway. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ExampleBackend } from '../helpers/example-backend.js';
import { buildGoExample, type GoExample } from '../helpers/go-toolchain.js';
import {
  answersInCapitals,
  leavesInPeace,
  outlivesItsBackends,
  type StartBackend,
} from '../helpers/example-backends.js';

describe('examples/backends/go', () => {
  let example: GoExample;
  beforeAll(async () => {
    example = await buildGoExample('examples/backends/go');
  }, 10 * 60_000);

  const start: StartBackend = (address) => ExampleBackend.start(example.binary, [], address);

  it('is as gofmt and go vet want it', async (context) => {
    example.require(context);
    expect(await example.remarks()).toBe('');
  });

  it('answers in order, fails a bad message alone, greets by itself', async (context) => {
    example.require(context);
    await answersInCapitals(start);
  });

  it('is killed again and again, and its sessions go on at another', async (context) => {
    example.require(context);
    await outlivesItsBackends(start);
  });

  it('leaves when its sessions have ended', async (context) => {
    example.require(context);
    await leavesInPeace(start);
  });
});

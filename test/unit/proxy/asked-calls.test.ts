/** Who is let in: the gatekeeper, the clock and the client are played by hand, and a call that is let in does nothing. */
import { beforeEach, expect, it } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import type { CallUnderWay } from '../../../src/proxy/call-under-way.js';
import { ProxyServer, type RefusedCall } from '../../../src/proxy/proxy-server.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { UpstreamPool } from '../../../src/upstream/upstream-pool.js';
import { OPEN_TERMS } from '../../helpers/proxy-world.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { ScriptedStream } from '../../helpers/scripted-stream.js';

const ANN = { clientId: 'ann', clientClass: 'default' } as Identity;
const REVOKED = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');

let clock: FakeClock;
let begun: string[];
let refused: RefusedCall[];
/** Says whether the call whose turn it is may be made. */
let answer: () => void;
let server: ProxyServer;

beforeEach(() => {
  clock = new FakeClock();
  begun = [];
  refused = [];
  server = new ProxyServer({
    clock,
    logger: new RecordingLogger(),
    gatekeeper: {
      takesTokens: false,
      identify: () => ANN,
      mayOpen: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      showedNothing: () => undefined,
    },
    account: new ByteAccount(1_000_000),
    begin: (options) => {
      begun.push(options.stream.path);
      return {
        heldBytes: 0,
        heldUpBytes: 0,
        heldDownBytes: 0,
        address: '',
        start: () => undefined,
        hold: () => undefined,
        release: () => undefined,
        onChunk: () => undefined,
        onHalfClose: () => undefined,
        onWritten: () => undefined,
        onHeld: () => undefined,
        onClose: () => undefined,
        end: ({ grpcStatus }: SluiceError) => {
          options.onEnd({ status: grpcStatus, by: 'gateway', error: undefined } as never);
        },
      } satisfies CallUnderWay;
    },
    proxies: [
      {
        name: 'it',
        services: ['test.Shapes'],
        isDescribed: false,
        pool: undefined as unknown as UpstreamPool,
        terms: OPEN_TERMS,
        maxCalls: 10,
        maxCallsPerClient: 10,
        durations: { observe: () => undefined },
      },
    ],
    namesServices: true,
    identifyTimeoutMs: 1_000,
    expiryGraceMs: 0,
    ageGraceMs: 0,
    shedAfterMs: 1_000,
    onRefused: (call) => refused.push(call),
  });
});

function call(): ScriptedStream {
  const stream = new ScriptedStream(clock);
  stream.receiver = server.accept(stream);
  return stream;
}

it('a client that is revoked while it is asked whether it may call is not let in afterwards', async () => {
  const stream = call();
  expect(server.endClient('ann', REVOKED, () => true)).toBe(0);
  answer();
  await Promise.resolve();
  expect(begun).toEqual([]);
  expect(stream.ended?.status).toBe(GrpcStatus.UNAUTHENTICATED);
  expect(refused).toMatchObject([{ client: 'ann', error: REVOKED }]);
  clock.advance(1_000);
  expect(server.size).toBe(0);
});

it('one that was let in, and one who came with newer credentials', async () => {
  call();
  answer();
  await Promise.resolve();
  await Promise.resolve();
  expect(begun).toEqual(['/test.Shapes/Chat']);
  expect(server.endClient('ann', REVOKED, () => false)).toBe(0);
  expect(server.endClient('ben', REVOKED, () => true)).toBe(0);
  expect(server.size).toBe(1);
  expect(server.endClient('ann', REVOKED, () => true)).toBe(1);
  expect(server.size).toBe(0);
});

it('a backend that names ever new methods does not make figures without end', () => {
  for (let time = 0; time < 10; time += 1) {
    const methods = Array.from({ length: 1_000 }, (_, n) => `Do${time}x${n}`);
    server.describe('it', new Map([['test.Shapes', methods]]));
  }
  const [it] = server.levels;
  expect(it?.methods.length).toBeLessThan(2_500);
  expect(it?.methods.at(-1)?.method).toBe('other');
});

/** A push whose caller leaves, or that is ended: before its body is whole, while a rate limit or a session holds it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import type { EdgeAnswer, EdgeRequest } from '../../../src/edge/edge-route.js';
import { pushRoutes } from '../../../src/edge/push-routes.js';
import type { PushCounters } from '../../../src/edge/push-targets.js';
import { Pushes, type PushesOptions } from '../../../src/edge/pushes.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { Overload } from '../../../src/server/overload.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const BUDGET = 20_000;
const REVOKED = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');
const EVERY = (): boolean => true;
const NOBODY_ASKED = (): never => {
  throw new Error('nobody is looked for');
};
const ANYBODY = { clientId: 'backend', allowsSomewhere: () => true } as unknown as Identity;

class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly account = new ByteAccount(BUDGET);
  readonly counters: PushCounters = { ended: new Map(), sessions: new Map() };
  readonly pushes: Pushes;
  /** What the route answers with. */
  readonly answered: Promise<EdgeAnswer | undefined>;
  readonly #server = createServer();
  #socket: Socket | undefined;

  /** `onRequest`: it has come, and is about to be served. */
  constructor(options: Partial<PushesOptions>, onRequest: (asked: EdgeRequest) => void = () => undefined) {
    this.pushes = new Pushes({
      clock: this.clock,
      account: this.account,
      counters: this.counters,
      rates: { admit: () => Promise.resolve([]) },
      gatekeeper: {
        takesTokens: false,
        identify: () => ANYBODY,
        mayOpen: () => undefined,
        showedNothing: () => undefined,
      },
      client: () => ({ sessions: [], send: () => Promise.resolve({ sent: 0, failed: [] }) }),
      maxPushes: 10,
      maxPushesPerClient: 10,
      sendTimeoutMs: 1_000,
      identifyTimeoutMs: 1_000,
      isDraining: () => false,
      ...options,
    });
    const [route] = pushRoutes({
      pushes: this.pushes,
      maxMessageBytes: 1_000_000,
      queryToken: false,
    });
    this.answered = new Promise((resolve, reject) => {
      this.#server.on('request', (request, response) => {
        const peer = { peer: 'here', certificate: undefined };
        const asked = { request, response, peer, params: { client: 'ann' }, query: {} };
        onRequest(asked);
        Promise.resolve(route?.serve(asked)).then(resolve, reject);
      });
    });
  }

  /** Sends a request of which `length` bytes are said to come. */
  async ask(length: number, body: string): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#socket = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
    this.#socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n${body}`);
  }

  leave(): void {
    this.#socket?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    this.#server.close();
    await once(this.#server, 'close');
    expect(this.clock.activeTimers).toBe(0);
    expect(this.account.bytes).toBe(0);
    expect(this.pushes.underWay).toBe(0);
  }
}

it('whoever has left before it is known who they are holds no place', async () => {
  let known = (_identity: Identity): void => undefined;
  const identified = new Promise<Identity>((resolve) => {
    known = resolve;
  });
  await using world = new World(
    {
      gatekeeper: {
        takesTokens: false,
        identify: () => identified,
        mayOpen: () => undefined,
        showedNothing: () => undefined,
      },
    },
    ({ response }) => {
      response.once('close', () => {
        known(ANYBODY);
      });
      world.leave();
    },
  );
  await world.ask(2, 'h');
  expect(await world.answered).toBeUndefined();
  expect([...world.counters.ended]).toEqual([['CANCELLED', 1]]);
});

it('whoever leaves while a rate limit holds them is not pushed for, and counts as gone', async () => {
  const body = 'x'.repeat(10_000);
  let bytes = 0;
  let held = 0;
  await using world = new World({
    rates: {
      admit: (_caller, weight, signal) =>
        new Promise((_resolve, reject) => {
          bytes = weight;
          held = world.account.bytes;
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
          world.leave();
        }),
    },
    client: NOBODY_ASKED,
  });
  await world.ask(body.length, body);
  expect(await world.answered).toBeUndefined();
  expect([bytes, held]).toEqual([10_000, 10_000]);
  expect([...world.counters.ended]).toEqual([['CANCELLED', 1]]);
});

it('a push that has gone is counted once, and each session that it was for', async () => {
  const target = { sessionId: 's', route: 'echo', subject: '' };
  await using world = new World({
    gatekeeper: {
      takesTokens: false,
      identify: () => ({ ...ANYBODY, allows: () => true }),
      mayOpen: () => undefined,
      showedNothing: () => undefined,
    },
    client: () => ({
      sessions: [target],
      send: () => Promise.resolve({ sent: 2, failed: [{ session: target, error: new Error('a fault') }] }),
    }),
  });
  await world.ask(1, 'x');
  expect(await world.answered).toMatchObject({ body: { sent: 2, failed: [{ code: 'INTERNAL' }] } });
  expect([...world.counters.ended]).toEqual([['OK', 1]]);
  expect([...world.counters.sessions]).toEqual([
    ['OK', 2],
    ['INTERNAL', 1],
  ]);
});

/** Rate limits that hold each push until nobody waits for it; `onHeld`: it is held. */
function holding(onHeld: () => void): PushesOptions['rates'] {
  return {
    admit: (_caller, _bytes, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
        onHeld();
      }),
  };
}

describe('a push that is ended', () => {
  it('while a rate limit holds it frees what it held at once, and is answered with why', async () => {
    const body = 'x'.repeat(10_000);
    const seen: number[] = [];
    await using world = new World({
      client: NOBODY_ASKED,
      rates: holding(() => {
        seen.push(
          world.account.bytes,
          world.pushes.endClient('other', REVOKED, EVERY),
          world.pushes.endClient('backend', REVOKED, () => false),
          world.account.bytes,
          world.pushes.endClient('backend', REVOKED, EVERY),
          world.account.bytes,
        );
      }),
    });
    await world.ask(body.length, body);
    await expect(world.answered).rejects.toBe(REVOKED);
    expect(seen).toEqual([10_000, 0, 0, 10_000, 1, 0]);
    expect([...world.counters.ended]).toEqual([['UNAUTHENTICATED', 1]]);
  });

  it('before its body is whole lets go of what has come', async () => {
    await using world = new World({ client: NOBODY_ASKED });
    await world.ask(10_000, 'x'.repeat(5_000));
    await expect.poll(() => world.account.bytes).toBe(5_000);
    const refused = expect(world.answered).rejects.toBe(REVOKED);
    expect(world.pushes.endClient('backend', REVOKED, EVERY)).toBe(1);
    expect(world.account.bytes).toBe(0);
    await refused;
  });

  it('while it is asked whether its caller may is sent to nobody', async () => {
    const target = { sessionId: 's', route: 'echo', subject: '' };
    await using world = new World({
      gatekeeper: {
        takesTokens: false,
        identify: () => ({ ...ANYBODY, allows: () => true }),
        mayOpen: (_question, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new Error('nobody waits'));
            });
            world.pushes.end(REVOKED);
          }),
        showedNothing: () => undefined,
      },
      client: () => ({ sessions: [target], send: NOBODY_ASKED }),
    });
    await world.ask(1, 'x');
    await expect(world.answered).rejects.toBe(REVOKED);
  });

  it('while a session holds it is not answered as if it had gone', async () => {
    const target = { sessionId: 's', route: 'echo', subject: '' };
    await using world = new World({
      gatekeeper: {
        takesTokens: false,
        identify: () => ({ ...ANYBODY, allows: () => true }),
        mayOpen: () => undefined,
        showedNothing: () => undefined,
      },
      client: () => ({
        sessions: [target],
        send: (_message, _filter, signal) => {
          world.pushes.end(REVOKED);
          return Promise.resolve({ sent: 1, failed: [{ session: target, error: signal.reason as Error }] });
        },
      }),
    });
    await world.ask(1, 'x');
    await expect(world.answered).rejects.toBe(REVOKED);
    expect([...world.counters.sessions]).toEqual([
      ['OK', 1],
      ['UNAUTHENTICATED', 1],
    ]);
  });

  it('to make room says so, and costs nobody else their place', async () => {
    const body = 'x'.repeat(BUDGET + 1);
    await using world = new World({
      client: NOBODY_ASKED,
      rates: holding(() => {
        world.clock.advance(50);
        world.clock.advance(1_000);
      }),
    });
    const { account } = world;
    const overload = new Overload({
      clock: world.clock,
      account,
      counters: { budgetExceeded: 0, sessionsShed: 0 },
      shedAfterMs: 1_000,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: () => undefined,
      },
      connections: () => [],
      strangers: () => [],
      calls: () => world.pushes,
      windowed: Object.assign([], { relieve: () => undefined }),
    });
    await world.ask(body.length, body);
    await expect(world.answered).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(account.bytes).toBe(0);
    overload.stop();
  });
});

describe('a push that was held', () => {
  it.each([
    ['the gateway leaves', 'DRAINING', undefined],
    ['what its caller came with has expired', 'TOKEN_EXPIRED', 1_000],
  ])('until %s does not go', async (_when, code, livesMs) => {
    let isDraining = false;
    await using world = new World({
      client: NOBODY_ASKED,
      gatekeeper: {
        takesTokens: false,
        identify: (): Identity => ({
          ...ANYBODY,
          expiresAtMs: livesMs === undefined ? undefined : world.clock.wallNow() + livesMs,
        }),
        mayOpen: () => undefined,
        showedNothing: () => undefined,
      },
      rates: {
        admit: () => {
          isDraining = code === 'DRAINING';
          world.clock.advance(1_000);
          return Promise.resolve([]);
        },
      },
      isDraining: () => isDraining,
    });
    await world.ask(1, 'x');
    await expect(world.answered).rejects.toMatchObject({ code });
  });

  it('goes where its caller was let in with a token that had just expired', async () => {
    await using world = new World({
      gatekeeper: {
        takesTokens: false,
        identify: (): Identity => ({
          ...ANYBODY,
          allows: () => true,
          expiresAtMs: world.clock.wallNow() - 1,
        }),
        mayOpen: () => undefined,
        showedNothing: () => undefined,
      },
      client: () => ({
        sessions: [{ sessionId: 's', route: 'echo', subject: '' }],
        send: () => Promise.resolve({ sent: 1, failed: [] }),
      }),
    });
    await world.ask(1, 'x');
    expect(await world.answered).toMatchObject({ body: { sent: 1 } });
  });
});

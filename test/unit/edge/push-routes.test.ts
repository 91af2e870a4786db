/** A push whose caller leaves: while it is found out who they are, and while a rate limit holds it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Identity } from '../../../src/core/identity.js';
import type { EdgeAnswer, EdgeRequest } from '../../../src/edge/edge-route.js';
import { pushRoutes } from '../../../src/edge/push-routes.js';
import type { PushCounters } from '../../../src/edge/push-targets.js';
import { Pushes, type PushesOptions } from '../../../src/edge/pushes.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const ANYBODY = { clientId: 'backend', allowsSomewhere: () => true } as unknown as Identity;

class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly account = new ByteAccount(1_000_000);
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
      account: this.account,
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
    client: () => {
      throw new Error('nobody is looked for');
    },
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

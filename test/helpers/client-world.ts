/** The SDK's client and gateways in one process, without a network, in time that the test moves. */
import { expect } from 'vitest';
import { Client } from '../../src/client/client.js';
import type { ClientEvent } from '../../src/client/client-event.js';
import type { ClientOptions } from '../../src/client/client-options.js';
import { loadConfig } from '../../src/config/load.js';
import { Gateway } from '../../src/gateway.js';
import type { Route } from '../../src/session/route.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { Dial } from '../../src/transport/client-contract.js';
import { type MemoryDial, memoryDial } from '../../src/transport/memory/memory-connector.js';
import type { Settings } from './gateway.js';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Longer than anything that is waited for without moving time by hand. */
const PATIENCE_MS = 60_000;

/** A gateway that can be started anew, and the network in front of it. */
export class GatewayPlace {
  readonly dial: MemoryDial;
  readonly #make: () => Gateway;
  readonly #clock: FakeClock;
  gateway: Gateway;

  constructor(clock: FakeClock, settings: Settings, routes: (clock: FakeClock) => Record<string, Route>) {
    const argv = ['--config', 'config/test.yaml', '--admin.enabled', 'false'];
    for (const [key, value] of Object.entries(settings)) argv.push(`--${key}`, String(value));
    const { config } = loadConfig({ argv });
    this.#clock = clock;
    // Never started: what only its listeners would bring is brought by hand.
    this.#make = () => new Gateway({ config, clock, logger: quiet, routes: routes(clock) });
    this.gateway = this.#make();
    this.dial = memoryDial((stream) => this.gateway.accept(stream), { clock });
  }

  /** Dies and comes back, remembering nothing. */
  async restart(): Promise<void> {
    this.dial.breakConnections();
    await this.#clock.settle();
    await this.#destroy();
    this.gateway = this.#make();
  }

  async #destroy(): Promise<void> {
    const destroyed = this.gateway.destroy();
    await this.#clock.advanceAsync(2_000);
    await destroyed;
    await this.#clock.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#destroy();
    const { connections, sessions, metrics } = this.gateway;
    expect({ connections, sessions, up: metrics.up.pending, down: metrics.down.pending }).toEqual({
      connections: 0,
      sessions: 0,
      up: 0,
      down: 0,
    });
  }
}

export interface ClientWorldOptions {
  readonly addresses?: readonly string[];
  readonly settings?: Settings;
  readonly routes?: (clock: FakeClock) => Record<string, Route>;
}

export class ClientWorld {
  readonly clock = new FakeClock();
  readonly places = new Map<string, GatewayPlace>();
  readonly #addresses: readonly string[];
  readonly #clients: Client[] = [];

  constructor({ addresses = ['a:1'], settings = {}, routes = () => ({}) }: ClientWorldOptions = {}) {
    this.#addresses = addresses;
    for (const address of addresses) this.places.set(address, new GatewayPlace(this.clock, settings, routes));
  }

  /** The gateway at the first address, and its network. */
  get place(): GatewayPlace {
    return this.at(this.#addresses[0] ?? '');
  }

  at(address: string): GatewayPlace {
    const place = this.places.get(address);
    if (place === undefined) throw new TypeError(`no gateway at ${address}`);
    return place;
  }

  readonly dial: Dial = (address) => this.at(address).dial(address);

  /** A client of them all; `events` are what it was told, `random` is what it gets for its waits (default 0.5). */
  client(
    options: ClientOptions = {},
    random: () => number = () => 0.5,
    dial: Dial = this.dial,
  ): { readonly client: Client; readonly events: ClientEvent[] } {
    const events: ClientEvent[] = [];
    const client = new Client(
      this.#addresses,
      {
        onEvent: (event) => {
          events.push(event);
        },
        ...options,
      },
      { dial, clock: this.clock, random },
    );
    this.#clients.push(client);
    return { client, events };
  }

  /** What `work` gives, moving time from timer to timer while it is waited for. */
  async run<T>(work: Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
    const progress = { isDone: false };
    const done = (): void => {
      progress.isDone = true;
    };
    work.then(done, done);
    await this.until(() => progress.isDone, patienceMs);
    return await work;
  }

  /** Moves time from timer to timer until the condition holds. */
  async until(condition: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    for (let left = patienceMs; ;) {
      await this.clock.settle();
      if (condition()) return;
      const next = this.clock.nextTimerInMs;
      if (next === undefined || next > left) throw new Error(`never: ${condition.toString()}`);
      left -= next;
      await this.clock.advanceAsync(next);
    }
  }

  /** Closes the clients and the gateways, and asserts that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await this.run(client.close());
    for (const place of this.places.values()) await place[Symbol.asyncDispose]();
    expect(this.clock.activeTimers).toBe(0);
  }
}

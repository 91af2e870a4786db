/** Gateways without a network, at addresses of their own, that can be restarted, drained and cut off; time is the test's. */
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { Gateway } from '../../src/gateway.js';
import type { Route } from '../../src/session/route.js';
import type { FakeClock } from '../../src/testing/fake-clock.js';
import type { Connector } from '../../src/transport/client-contract.js';
import { memoryDial, type MemoryDial } from '../../src/transport/memory/memory-connector.js';
import type { Settings } from './gateway.js';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What there is at one address. */
export class MemoryGateway {
  readonly address: string;
  readonly network: MemoryDial;
  /** Gateways there were before. */
  readonly past: Gateway[] = [];
  #gateway: Gateway;
  readonly #make: () => Gateway;

  constructor(
    address: string,
    clock: FakeClock,
    settings: Settings,
    routes: Readonly<Record<string, Route>>,
  ) {
    this.address = address;
    const argv = ['--config', 'config/test.yaml', '--admin.enabled', 'false', '--node.id', address];
    for (const [key, value] of Object.entries(settings)) argv.push(`--${key}`, String(value));
    const { config } = loadConfig({ argv });
    this.#make = () => new Gateway({ config, clock, logger: quiet, routes });
    this.#gateway = this.#make();
    this.network = memoryDial((stream) => this.#gateway.accept(stream), { clock });
  }

  get gateway(): Gateway {
    return this.#gateway;
  }

  /** The process dies; another takes its place, and knows nothing. */
  async restart(): Promise<void> {
    const old = this.#gateway;
    await this.#replace(() => old.destroy());
  }

  /** The gateway leaves in good order; then another takes its place. */
  async drain(): Promise<void> {
    const old = this.#gateway;
    await this.#replace(() => old.stop());
  }

  async stop(): Promise<void> {
    await this.#gateway.destroy();
    this.past.push(this.#gateway);
  }

  /** Of all there were: nothing kept, everything accounted for. Once stopped. */
  expectNothingLeft(): void {
    expect(this.network.openStreams).toBe(0);
    for (const { connections, sessions, metrics } of this.past) {
      const { up, down } = metrics;
      expect({ connections, sessions, up: up.pending, down: down.pending }).toEqual({
        ...{ connections: 0, sessions: 0, up: 0, down: 0 },
      });
      for (const flow of [up, down]) expect(flow.admitted).toBe(flow.delivered + flow.dropped);
    }
  }

  async #replace(leave: () => Promise<void>): Promise<void> {
    await leave();
    this.past.push(this.#gateway);
    this.#gateway = this.#make();
  }
}

/** A network of these. */
export function dialOf(gateways: readonly MemoryGateway[]): (address: string) => Connector {
  return (address) => {
    const gateway = gateways.find((each) => each.address === address);
    if (gateway === undefined) throw new TypeError(`${address} is not of this network`);
    return gateway.network(address);
  };
}

import { Client, type ClientCloseOptions } from '../client/client.js';
import type { ClientOptions, ClientParts } from '../client/client-options.js';
import '../client/session/node-streams.js';
import { loadConfig } from '../config/load.js';
import { SystemClock, type Clock } from '../core/clock.js';
import type { FlowCounters } from '../core/counters.js';
import type { Logger } from '../core/logger.js';
import { Gateway } from '../gateway.js';
import type { Middleware } from '../routes/middleware/middleware.js';
import type { Route } from '../session/route.js';
import { type MemoryDial, memoryDial } from '../transport/memory/memory-connector.js';
import { FakeClock } from './fake-clock.js';

export interface MemoryGatewayOptions {
  /** Routes of your own, by name, beside `echo`. */
  readonly routes?: Readonly<Record<string, Route>>;
  /** Around every route; the first is outermost. */
  readonly middleware?: readonly Middleware[];
  /** The route of clients that name none. Default: the only one of `routes`, else `echo`. */
  readonly defaultRoute?: string;
  /** Over the defaults of the configuration, as flags give them: `{ 'session.resumeWindow': '10s' }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /**
   * The time of the gateway, its network and its clients. Default: real time.
   * With `new FakeClock({ immediates: 'run' })` time stands still until you move it
   * (`clock.advanceAsync(ms)`), and all that needs none goes on by itself. What
   * needs some, closing a session without a connection for example, is waited for
   * with `clock.until(promise)`.
   */
  readonly clock?: Clock;
  /** Told what the gateway logs. Default: nobody. */
  readonly logger?: Logger;
}

/** Messages in one direction: admitted = delivered + dropped + pending, at any moment. */
export type Flow = Pick<FlowCounters, 'admitted' | 'delivered' | 'dropped' | 'pending'>;

/** What the gateway holds and has carried. */
export interface MemoryGatewayAccount {
  readonly connections: number;
  /** Sessions, those included that wait for their client to come back. */
  readonly sessions: number;
  /** From clients to routes. */
  readonly up: Flow;
  /** From routes to clients. */
  readonly down: Flow;
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * A whole gateway in this process, for tests of routes and of clients: nothing
 * listens, and the network between it and its clients is one that the test
 * breaks. Its messages are encoded and decoded as on the wire.
 * @throws ConfigError for settings that can't be.
 */
export function memoryGateway(options: MemoryGatewayOptions = {}): MemoryGateway {
  return new MemoryGateway(options);
}

type Through = <T>(work: Promise<T>) => Promise<T>;

/** Moves a fake time along where leaving takes some. */
class MemoryClient extends Client {
  readonly #through: Through;

  constructor(options: ClientOptions, parts: ClientParts, through: Through) {
    super(['memory'], options, parts);
    this.#through = through;
  }

  override close(options?: ClientCloseOptions): Promise<void> {
    return this.#through(super.close(options));
  }
}

export class MemoryGateway implements AsyncDisposable {
  readonly clock: Clock;
  readonly #make: () => Gateway;
  readonly #network: MemoryDial;
  readonly #clients = new Set<Client>();
  #gateway: Gateway;

  /** @internal `memoryGateway` makes it. */
  constructor(options: MemoryGatewayOptions) {
    const {
      routes = {},
      middleware = [],
      settings = {},
      clock = new SystemClock(),
      logger = quiet,
    } = options;
    const argv = ['--admin.enabled', 'false', '--edge.enabled', 'false'];
    for (const [key, value] of Object.entries(settings)) argv.push(`--${key}`, String(value));
    const { config } = loadConfig({ argv });
    const [only, ...others] = Object.keys(routes);
    const defaultRoute = options.defaultRoute ?? (others.length === 0 ? only : undefined);
    this.clock = clock;
    this.#make = () =>
      new Gateway({
        config,
        clock,
        logger,
        routes,
        middleware,
        ...(defaultRoute !== undefined && { defaultRoute }),
      });
    // Never started: what only its listeners would bring comes over the network of memory.
    this.#gateway = this.#make();
    this.#network = memoryDial((stream) => this.#gateway.accept(stream), {
      clock,
      maxMessageBytes: config.server.maxMessageSize,
    });
  }

  /** The gateway of this moment, for all that is not here; `restart` makes another. */
  get gateway(): Gateway {
    return this.#gateway;
  }

  /** While true nobody gets a connection; those there are stay. */
  get unreachable(): boolean {
    return this.#network.unreachable;
  }

  set unreachable(value: boolean) {
    this.#network.unreachable = value;
  }

  /** While true nothing is carried, either way, and neither side is told. */
  get frozen(): boolean {
    return this.#network.frozen;
  }

  set frozen(value: boolean) {
    this.#network.frozen = value;
  }

  get account(): MemoryGatewayAccount {
    const { connections, sessions, metrics } = this.#gateway;
    return { connections, sessions, up: flowOf(metrics.up), down: flowOf(metrics.down) };
  }

  /** A client of this gateway, as `connect` of sluice/client gives one. Closed with the gateway at the latest. */
  connect(options: ClientOptions = {}): Client {
    const parts = { dial: this.#network, clock: this.clock, random: Math.random };
    const client = new MemoryClient(options, parts, (work) => this.#through(work));
    this.#clients.add(client);
    return client;
  }

  /** The network fails: every connection is lost, without a word to either side. Sessions wait for their clients. */
  breakConnections(): void {
    this.#network.breakConnections();
  }

  /** The gateway's process dies and another takes its place: sessions are gone, and their clients are told (`onReset`). */
  async restart(): Promise<void> {
    const before = this.#gateway;
    this.#network.breakConnections();
    this.#gateway = this.#make();
    await this.#through(this.#gone(before));
  }

  /** The gateway leaves in good order, as it does on SIGTERM: resolves when every client has gone, or after `server.drainGrace`. */
  stop(): Promise<void> {
    return this.#gateway.stop();
  }

  /** Closes its clients, and ends at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#network.frozen = false;
    await this.#through(Promise.all([...this.#clients].map((client) => client.close({ graceMs: 0 }))));
    await this.#through(this.#gone(this.#gateway));
  }

  /** Ends it at once. Its streams tell it in turns of the clock that they have ended. */
  async #gone(gateway: Gateway): Promise<void> {
    await gateway.destroy();
    while (gateway.connections > 0) {
      await new Promise<void>((resolve) => {
        this.clock.setImmediate(resolve);
      });
    }
  }

  /** Leaving takes turns of the clock, which a fake one has to be given. */
  #through<T>(work: Promise<T>): Promise<T> {
    return this.clock instanceof FakeClock ? this.clock.until(work) : work;
  }
}

function flowOf({ admitted, delivered, dropped, pending }: FlowCounters): Flow {
  return { admitted, delivered, dropped, pending };
}

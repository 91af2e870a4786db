/** A whole gateway in this process, on loopback and free ports, that must end with nothing left. */
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { SystemClock } from '../../src/core/clock.js';
import type { FlowCounters } from '../../src/core/counters.js';
import { Gateway } from '../../src/gateway.js';
import type { Route } from '../../src/session/route.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** The platform's time, or one that the test moves: `new FakeClock({ immediates: 'run' })`, for the network takes its turns. */
type TestClock = SystemClock | FakeClock;

export interface GatewayUnderTest<C extends TestClock = SystemClock> {
  readonly gateway: Gateway;
  readonly clock: C;
  /** `host:port` of the first gRPC address. */
  readonly address: string;
  /** Base URL of the admin address. */
  readonly admin: string;
  /** Base URL of the HTTP edge, where `edge.enabled` is true. */
  readonly edge: string;
  readonly log: readonly LogLine[];
  /** Stops it and asserts that nothing is left and every message is accounted for. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Configuration keys and values as flags would give them, over config/test.yaml. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

export async function startGateway<C extends TestClock = SystemClock>(
  settings: Settings = {},
  routes: Readonly<Record<string, Route>> = {},
  clock: C = new SystemClock() as C,
): Promise<GatewayUnderTest<C>> {
  const argv = ['--config', 'config/test.yaml'];
  for (const [key, value] of Object.entries(settings)) argv.push(`--${key}`, String(value));
  const { config } = loadConfig({ argv });
  const log: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      log.push({ level, fields, message });
    };
  const gateway = new Gateway({
    config,
    clock,
    routes,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  });
  await gateway.start();
  const [first] = gateway.addresses;
  return {
    gateway,
    clock,
    log,
    address: first?.text ?? '',
    admin: `http://${gateway.adminAddress ?? ''}`,
    edge: `http://${gateway.edgeAddresses[0]?.text ?? ''}`,
    async [Symbol.asyncDispose]() {
      await (clock instanceof FakeClock ? clock.until(gateway.stop()) : gateway.stop());
      expectNothingLeft(gateway, clock);
    },
  };
}

/** What always holds when a gateway has stopped: nothing kept, everything accounted for. */
function expectNothingLeft(gateway: Gateway, clock: TestClock): void {
  expect({
    connections: gateway.connections,
    sessions: gateway.sessions,
    sockets: gateway.sockets,
    timers: clock.activeTimers,
    pendingUp: gateway.metrics.up.pending,
    pendingDown: gateway.metrics.down.pending,
  }).toEqual({ connections: 0, sessions: 0, sockets: 0, timers: 0, pendingUp: 0, pendingDown: 0 });
  expectIdentity(gateway.metrics.up);
  expectIdentity(gateway.metrics.down);
}

/** admitted = delivered + dropped + pending, with nothing negative. */
function expectIdentity(flow: FlowCounters): void {
  expect(flow.admitted).toBe(flow.delivered + flow.dropped + flow.pending);
  expect(flow.pending).toBeGreaterThanOrEqual(0);
}

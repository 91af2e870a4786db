import assert from 'node:assert/strict';
import { loadConfig } from '../../../src/config/load.js';
import { GrpcStatus } from '../../../src/core/errors.js';
import { Gateway } from '../../../src/gateway.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { StreamClose, StreamMethod } from '../../../src/transport/contract.js';
import { MemoryConnection } from '../../../src/transport/memory/memory-connection.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { ROUTE, routes, SETTINGS, WHOLE_ROUTE } from './in-process.js';
import { Timeout, type Connection, type Ending, type TargetSource } from './target.js';

/** How much time may pass while something is waited for: less than any limit of config/test.yaml on silence. */
const PATIENCE_MS = 2_000;
const DAY_MS = 86_400_000;

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What a gRPC client would be told of these. */
const STATUS_OF: Readonly<Record<Exclude<StreamClose, 'ended'>, number>> = {
  reset: GrpcStatus.CANCELLED,
  cancelled: GrpcStatus.CANCELLED,
  lost: GrpcStatus.UNAVAILABLE,
  deadline: GrpcStatus.DEADLINE_EXCEEDED,
};

/** A whole gateway without a network, whose time the cases move. */
export function memorySource(method: StreamMethod): TargetSource {
  return {
    name: `memory, ${method}`,
    configurable: true,
    start: async (settings) => {
      const clock = new FakeClock();
      const argv = ['--config', 'config/test.yaml', '--admin.enabled', 'false'];
      for (const [key, value] of Object.entries({ ...SETTINGS, ...settings }))
        argv.push(`--${key}`, String(value));
      const { config } = loadConfig({ argv });
      // Never started: what only its listeners would bring is brought by hand.
      const gateway = new Gateway({ config, clock, logger: quiet, routes: routes(clock) });
      const advance = async (ms: number): Promise<void> => clock.advanceAsync(ms);
      return {
        method,
        route: ROUTE,
        wholeRoute: WHOLE_ROUTE,
        connect: (metadata) => new ReadConnection(gateway, clock, method, metadata),
        until: async (condition, what) => {
          for (let left = PATIENCE_MS; ;) {
            await clock.settle();
            const found = condition();
            if (found !== undefined) return found;
            const next = clock.nextTimerInMs;
            if (next === undefined || next > left) throw new Timeout(what());
            left -= next;
            await advance(next);
          }
        },
        maxWaitMs: DAY_MS,
        sleep: advance,
        probes: false,
        drain: () => gateway.stop(),
        [Symbol.asyncDispose]: async () => {
          await clock.settle();
          const destroyed = gateway.destroy();
          await advance(PATIENCE_MS);
          await destroyed;
          await clock.settle();
          const { connections, sessions, metrics } = gateway;
          assert.deepEqual(
            {
              connections,
              sessions,
              up: metrics.up.pending,
              down: metrics.down.pending,
              timers: clock.activeTimers,
            },
            { connections: 0, sessions: 0, up: 0, down: 0, timers: 0 },
            'what a gateway leaves behind',
          );
        },
      };
    },
  };
}

/** Reads as it comes, as a network client does. */
class ReadConnection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #connection: MemoryConnection;
  #goOn: (() => void) | undefined;
  #stopped = false;

  constructor(
    gateway: Gateway,
    clock: FakeClock,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.#connection = new MemoryConnection(gateway.accept, { clock, method, metadata });
    void this.#read();
  }

  send(messages: readonly DataMessage[]): void {
    this.#connection.send(...messages);
  }

  sendBody(body: Uint8Array): void {
    this.#connection.sendBytes(body);
  }

  halfClose(): void {
    this.#connection.halfClose();
  }

  break(): void {
    this.startReading();
    this.#connection.break();
  }

  stopReading(): void {
    this.#stopped = true;
  }

  startReading(): void {
    this.#stopped = false;
    this.#goOn?.();
  }

  async #read(): Promise<void> {
    for await (const message of this.#connection) {
      this.received.push(message);
      if (!this.#stopped) continue;
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
    }
    const { close, error } = await this.#connection.ended;
    this.ending = {
      status: close === 'ended' ? (error?.entry.grpcStatus ?? GrpcStatus.OK) : STATUS_OF[close],
      reason: error?.code ?? '',
      message: error?.message ?? close,
      retryAfterMs: error?.retryAfterMs,
    };
  }
}

import type { Clock } from '../../../src/core/clock.js';
import { SystemClock } from '../../../src/core/clock.js';
import type { CallEnd, ClientStream, Connector } from '../../../src/transport/client-contract.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { grpcDial } from '../../../src/transport/grpc/channel.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { startGateway } from '../../helpers/gateway.js';
import type { STREAM_HANDLERS } from '../../helpers/stream-handlers.js';
import { Skipped } from '../skipped.js';
import { BreakableLine } from './breakable-line.js';
import { Changes, sleep } from './changes.js';
import { ROUTE, routes, SETTINGS, WHOLE_ROUTE } from './in-process.js';
import type { Connection, Ending, TargetSource } from './target.js';

/** As for the raw client (grpc-target.ts). */
const PATIENCE_MS = 10_000;
const MAX_WAIT_MS = 500;

/** A gateway in this process, over real gRPC, spoken to by the network of the SDK. */
export function sdkSource(handler: (typeof STREAM_HANDLERS)[number], method: StreamMethod): TargetSource {
  return {
    name: `the SDK's network, ${handler} handler, ${method}`,
    configurable: true,
    start: async (settings) => {
      const clock = new SystemClock();
      const clientClock = new SystemClock();
      const own = { ...SETTINGS, 'server.streamHandler': handler, 'admin.enabled': false, ...settings };
      const under = await startGateway(own, routes(clock), clock);
      const changes = new Changes();
      const open = new Set<SdkConnection>();
      return {
        method,
        route: ROUTE,
        wholeRoute: WHOLE_ROUTE,
        connect: (metadata) => {
          const { address } = under;
          const connection = new SdkConnection(address, clientClock, method, metadata, changes.happened);
          open.add(connection);
          return connection;
        },
        until: (condition, what) => changes.until(condition, what, PATIENCE_MS),
        maxWaitMs: MAX_WAIT_MS,
        sleep,
        probes: true,
        drain: () => under.gateway.stop(),
        [Symbol.asyncDispose]: async () => {
          for (const connection of open) connection.close();
          // Sessions wait for clients that do not come back: nobody is to wait for them.
          await under.gateway.destroy();
          await under[Symbol.asyncDispose]();
          if (clientClock.activeTimers > 0) throw new Error('the client has left timers behind');
        },
      };
    },
  };
}

/** One stream, on a network connection of its own. */
class SdkConnection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #line: BreakableLine;
  readonly #connector: Connector;
  readonly #stream: ClientStream;

  constructor(
    address: string,
    clock: Clock,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ) {
    this.#line = new BreakableLine(address);
    this.#connector = grpcDial({ clock })(this.#line.address);
    this.#stream = this.#connector.stream(method, metadata, {
      onMessages: (messages) => {
        this.received.push(...messages);
        changed();
      },
      onWritable: () => undefined,
      onEnd: (end) => {
        this.ending = endingOf(end);
        // Nothing is left of it, so nothing is to be broken any more.
        this.close();
        changed();
      },
    });
  }

  send(messages: readonly DataMessage[]): void {
    this.#stream.send(messages);
  }

  sendBody(): void {
    throw new Skipped("the SDK's network sends messages only");
  }

  halfClose(): void {
    this.#stream.halfClose();
  }

  break(): void {
    this.#line.break();
  }

  stopReading(): void {
    throw new Skipped("the SDK's network always reads");
  }

  startReading(): void {
    // It never stopped.
  }

  close(): void {
    this.#connector.close();
    this.#line.break();
  }
}

function endingOf({ status, code = '', message, retryAfterMs }: CallEnd): Ending {
  return { status, reason: code, message, retryAfterMs };
}

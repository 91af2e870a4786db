import { SystemClock } from '../../../src/core/clock.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { startGateway, type GatewayUnderTest, type Settings } from '../../helpers/gateway.js';
import type { STREAM_HANDLERS } from '../../helpers/stream-handlers.js';
import { Changes, sleep } from './changes.js';
import { Http2Connection } from './http2-connection.js';
import { ROUTE, routes, SETTINGS, WHOLE_ROUTE } from './in-process.js';
import type { Connection, TargetSource } from './target.js';

/** Far more than anything takes on a busy machine. */
const PATIENCE_MS = 10_000;
/** Cases that wait longer are played over memory, where time is moved. */
const MAX_WAIT_MS = 500;

/** What the streams of one case are made with. */
export interface Dialer {
  connect(
    address: string,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ): DialedConnection;
  /** Throws where connections that have been left have left anything behind. */
  checkNothingLeft(): void;
}

interface DialedConnection extends Connection {
  /** Lets go of the network. Idempotent. */
  leave(): void;
}

/** HTTP/2 by hand. */
export const rawDialer = (): Dialer => ({
  connect: (address, ...rest) => new RawConnection(`http://${address}`, ...rest),
  checkNothingLeft: () => undefined,
});

/** A gateway in this process, over real gRPC. */
export function grpcSource(handler: (typeof STREAM_HANDLERS)[number], method: StreamMethod): TargetSource {
  return gatewaySource(`gRPC, ${handler} handler, ${method}`, handler, method, rawDialer);
}

/** The same, spoken to with a dialer of its own for each case. */
export function gatewaySource(
  name: string,
  handler: (typeof STREAM_HANDLERS)[number],
  method: StreamMethod,
  dialer: () => Dialer,
  startIt: (settings: Settings) => Promise<GatewayUnderTest> = startWithRoutes,
): TargetSource {
  return {
    name,
    configurable: true,
    start: async (settings) => {
      const own = { ...SETTINGS, 'server.streamHandler': handler, 'admin.enabled': false, ...settings };
      const under = await startIt(own);
      const changes = new Changes();
      const client = dialer();
      const open = new Set<DialedConnection>();
      return {
        method,
        route: ROUTE,
        wholeRoute: WHOLE_ROUTE,
        connect: (metadata) => {
          const connection = client.connect(under.address, method, metadata, changes.happened);
          open.add(connection);
          return connection;
        },
        until: (condition, what) => changes.until(condition, what, PATIENCE_MS),
        maxWaitMs: MAX_WAIT_MS,
        sleep,
        probes: true,
        drain: () => under.gateway.stop(),
        [Symbol.asyncDispose]: async () => {
          for (const connection of open) connection.leave();
          // Sessions wait for clients that do not come back: nobody is to wait for them.
          await under.gateway.destroy();
          await under[Symbol.asyncDispose]();
          client.checkNothingLeft();
        },
      };
    },
  };
}

function startWithRoutes(settings: Settings): Promise<GatewayUnderTest> {
  const clock = new SystemClock();
  return startGateway(settings, routes(clock), clock);
}

class RawConnection extends Http2Connection implements DialedConnection {
  leave(): void {
    this.break();
  }
}

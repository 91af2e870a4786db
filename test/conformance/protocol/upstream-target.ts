import { SystemClock } from '../../../src/core/clock.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { conformanceBackend } from '../../helpers/conformance-backend.js';
import { type GatewayUnderTest, type Settings, startGateway } from '../../helpers/gateway.js';
import { SessionBackend } from '../../helpers/session-backend.js';
import type { STREAM_HANDLERS } from '../../helpers/stream-handlers.js';
import { gatewaySource, rawDialer } from './grpc-target.js';
import { NARROW_ROUTE, ROUTE, WHOLE_ROUTE } from './in-process.js';
import type { TargetSource } from './target.js';

/** What a route in the gateway is told by an exception, a backend is told by a message, later. */
const TOLD_LATER = 'the backend is told of it, and not who sent what it answers';

const CANNOT = new Map([
  ["a payload that does not fit the client's window fails the send; the session goes on", TOLD_LATER],
  [
    'what the route sends and is larger than a message may be comes in pieces; over the window the send fails',
    TOLD_LATER,
  ],
  [
    "the policy of the first Open holds while the client is away; a resuming Open's is ignored",
    'the route has to have sent all when the message of another session is acknowledged',
  ],
]);

/** A gateway over real gRPC with a backend behind it: its routes are of kind `upstream`, and what they are asked for is done there. */
export function upstreamSource(
  handler: (typeof STREAM_HANDLERS)[number],
  method: StreamMethod,
): TargetSource {
  const name = `gRPC, ${handler} handler, ${method}, a backend behind it`;
  return { ...gatewaySource(name, handler, method, rawDialer, startWithBackend), cannot: CANNOT };
}

async function startWithBackend(settings: Settings): Promise<GatewayUnderTest> {
  const backend = await SessionBackend.start(conformanceBackend(new SystemClock()));
  const under = await startGateway({ ...upstreamRoutes(backend.address), ...settings });
  return {
    ...under,
    [Symbol.asyncDispose]: async () => {
      await under[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function upstreamRoutes(address: string): Settings {
  const kind = { kind: 'upstream', upstream: 'it' };
  return {
    upstreams: JSON.stringify({ it: { addresses: [address], closeGrace: '500ms' } }),
    routes: JSON.stringify({
      echo: { kind: 'echo' },
      [ROUTE]: kind,
      [WHOLE_ROUTE]: { ...kind, payload: 'whole' },
      [NARROW_ROUTE]: { ...kind, allowedOverflow: ['block', 'drop-oldest'] },
    }),
  };
}

import type { Clock } from '../core/clock.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { StreamAcceptor } from '../transport/contract.js';
import type { EdgeRequest, EdgeRoute } from './edge-route.js';
import type { EventSettings } from './event-stream.js';
import { describe } from './openapi.js';
import { ACCESS_TOKEN } from './parameters.js';
import { pushRoutes } from './push-routes.js';
import type { Pushes } from './pushes.js';
import { publishRoute } from './publish-route.js';
import { subscribeRoute } from './subscribe-route.js';
import { SharedEvents } from './topic-events.js';
import type { UpgradeHandler } from './upgrade-handler.js';

/** Who does what the edge is asked for. */
export interface EdgeParts {
  /** Takes each request that is a call of the gateway. */
  readonly accept: StreamAcceptor;
  readonly pushes: Pushes;
  /** Left out: nothing is upgraded. */
  readonly upgrades?: UpgradeHandler;
}

export interface EdgeRoutesOptions {
  readonly parts: EdgeParts;
  readonly clock: Clock;
  readonly account: ByteAccount;
  readonly maxMessageBytes: number;
  readonly queryToken: boolean;
  readonly events: EventSettings;
  readonly version: string;
  readonly headersFor: (asked: EdgeRequest) => Readonly<Record<string, string>>;
}

/** All that is served, its description among it. */
export function edgeRoutes(options: EdgeRoutesOptions): readonly EdgeRoute[] {
  const { parts, version } = options;
  const calls = { ...options, accept: parts.accept, shared: new SharedEvents() };
  const routes: EdgeRoute[] = [
    subscribeRoute(calls),
    publishRoute(calls),
    ...pushRoutes({ ...options, pushes: parts.pushes }),
  ];
  const own: EdgeRoute[] = [
    {
      method: 'GET',
      path: '/v1/openapi.json',
      operationId: 'describe',
      summary: 'This description',
      description: 'What is served here, as OpenAPI 3.1.',
      parameters: [],
      responses: {
        '200': {
          description: 'OpenAPI 3.1.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
      },
      errors: [400, 403],
      serve: () => ({ body: description }),
    },
    {
      method: 'GET',
      path: '/',
      operationId: 'about',
      summary: 'What this is',
      description: 'A line for people who look.',
      parameters: [],
      responses: {
        '200': {
          description: 'What this is.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
      },
      errors: [400, 403],
      serve: () => ({ body: { name: 'sluice', version, description: '/v1/openapi.json' } }),
    },
  ];
  const all = [...routes, ...own];
  // What is refused wherever it comes is not described.
  const hidden = options.queryToken ? [] : [ACCESS_TOKEN];
  const description = Buffer.from(`${JSON.stringify(describe(all, version, hidden))}\n`);
  return all;
}

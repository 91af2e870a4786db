import type { Conflict, CrossCheckContext } from './conflict.js';
import { nearest } from './nearest.js';
import type { Plain } from './raw.js';
import { DEFAULT_MAX_DELAY_MS } from './rate-limit-options.js';
import type { Config } from './schema.js';

type RateLimit = Config['rateLimits'][string];
type Fault = readonly [option: string, value: Plain, reason: string];

/** What the options of a rate limit get wrong among themselves, and with routes. */
export function* rateLimitConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  const routes = context.namesIn('routes');
  for (const [name, limit] of Object.entries(config.rateLimits)) {
    const fault =
      routeFault(limit, routes) ??
      amountFault(limit) ??
      algorithmFault(limit) ??
      waitFault(limit, config, context);
    if (fault === undefined) continue;
    const [option, value, reason] = fault;
    // "routes" takes part only by its names: its own mistakes don't matter here.
    yield { keys: ['rateLimits'], part: { name: `${name}.${option}`, value }, reason };
  }
}

function routeFault({ routes }: RateLimit, known: readonly string[] | undefined): Fault | undefined {
  if (known === undefined) return undefined;
  const unknown = routes.find((route) => !known.includes(route));
  if (unknown === undefined) return undefined;
  const meant = nearest(unknown, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return [
    'routes',
    routes,
    `expected names of routes: ${known.slice(0, 10).join(', ')}, not ${unknown}${hint}`,
  ];
}

function amountFault({ messages, bytes, opens }: RateLimit): Fault | undefined {
  if (messages > 0 || bytes > 0 || opens > 0) return undefined;
  return ['messages', 0, 'expected at least one of messages, bytes and opens, or it limits nothing'];
}

function algorithmFault(limit: RateLimit): Fault | undefined {
  const { algorithm, messages, bytes, opens, burst, burstSize, queue, over } = limit;
  const isToken = algorithm === 'token-bucket';
  if (!isToken && burst > 0)
    return ['burst', burst, `it is for token-bucket, and the algorithm is ${algorithm}`];
  if (!isToken && burstSize > 0)
    return ['burstSize', burstSize, `it is for token-bucket, and the algorithm is ${algorithm}`];
  if (burst > 0 && messages === 0 && opens === 0)
    return ['burst', burst, 'it counts messages and opens, and neither is given: did you mean burstSize?'];
  if (burstSize > 0 && bytes === 0) return ['burstSize', burstSize, 'it counts bytes, which are not given'];
  if (algorithm !== 'leaky-bucket')
    return queue > 0
      ? ['queue', queue, `it is for leaky-bucket, and the algorithm is ${algorithm}`]
      : undefined;
  if (messages === 0)
    return [
      'messages',
      0,
      'expected how many leave in a period: the queue of a leaky-bucket counts messages',
    ];
  if (queue === 0 && over === 'delay')
    return ['queue', 0, 'expected how many messages may wait, such as 1000, for over is delay'];
  return queue > 0 && over === 'refuse'
    ? ['queue', queue, 'nothing waits in it, for over is refuse']
    : undefined;
}

function waitFault(
  { over, callDelay, maxDelay }: RateLimit,
  { session }: Config,
  context: CrossCheckContext,
): Fault | undefined {
  if (callDelay > 0 && over === 'refuse')
    return ['callDelay', `${String(callDelay)}ms`, 'nothing is held, for over is refuse'];
  const other = 'session.resumeWindow';
  // Left as it is, it is cut where the window is shorter.
  if (over === 'refuse' || maxDelay < session.resumeWindow || maxDelay === DEFAULT_MAX_DELAY_MS)
    return undefined;
  return [
    'maxDelay',
    `${String(maxDelay)}ms`,
    `expected less than ${context.show(other)}, after which a session that closes and gets no further is ended`,
  ];
}

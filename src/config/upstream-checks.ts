import type { Conflict, CrossCheckContext } from './conflict.js';
import { nearest } from './nearest.js';
import type { Plain } from './raw.js';
import type { Config } from './schema.js';

/** What routes and upstreams get wrong together, and the options of one upstream among themselves. */
export function* upstreamConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  const names = context.namesIn('upstreams');
  for (const [route, options] of Object.entries(config.routes)) {
    if (options.kind !== 'upstream' || names === undefined || names.includes(options.upstream)) continue;
    const meant = nearest(options.upstream, names);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    const known = names.length === 0 ? ', and there are none' : `: ${names.slice(0, 10).join(', ')}`;
    // "upstreams" takes part only by its names: its own mistakes don't matter here.
    yield {
      keys: ['routes'],
      part: { name: `${route}.upstream`, value: options.upstream },
      reason: `expected one of upstreams${known}${hint}`,
    };
  }
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    const fault = faultOf(upstream);
    if (fault === undefined) continue;
    const [option, value, reason] = fault;
    yield { keys: ['upstreams'], part: { name: `${name}.${option}`, value }, reason };
  }
}

type Upstream = Config['upstreams'][string];

function faultOf(upstream: Upstream): readonly [option: string, value: Plain, reason: string] | undefined {
  const { addresses, backoffFirst, backoffMax, certificateFile, keyFile } = upstream;
  if (addresses.length === 0)
    return ['addresses', [], 'expected at least one address, such as 10.0.0.5:50061'];
  if (backoffFirst > backoffMax)
    return [
      'backoffFirst',
      `${String(backoffFirst)}ms`,
      `expected at most its backoffMax, ${String(backoffMax)}ms`,
    ];
  if (certificateFile !== '' && keyFile === '')
    return ['certificateFile', certificateFile, 'it needs keyFile too'];
  if (keyFile !== '' && certificateFile === '') return ['keyFile', keyFile, 'it needs certificateFile too'];
  for (const option of ['caFile', 'certificateFile', 'serverName'] as const) {
    if (upstream[option] === '' || addresses.some((address) => address.startsWith('grpcs://'))) continue;
    return [option, upstream[option], 'it is for TLS, and none of its addresses begins with grpcs://'];
  }
  return undefined;
}

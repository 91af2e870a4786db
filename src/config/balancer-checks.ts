import type { Conflict, CrossCheckContext } from './conflict.js';
import type { Config } from './schema.js';

const TRUSTED = 'balancers.trusted';
const HEADER = 'balancers.forwardedHeader';

/** What is said of a client's address is believed of somebody named, or not asked for. */
export function* balancerConflicts({ balancers, server, edge }: Config): Generator<Conflict> {
  if (balancers.trusted.length > 0) return;
  const believing = [
    ...(server.proxyProtocol ? ['server.proxyProtocol'] : []),
    ...(edge.proxyProtocol ? ['edge.proxyProtocol'] : []),
    ...(balancers.forwardedHeader === 'none' ? [] : [HEADER]),
  ];
  for (const key of believing) {
    yield {
      keys: [key, TRUSTED],
      reason: `it needs ${TRUSTED}, the addresses of the balancers: anyone else could claim any address`,
    };
  }
}

export function* balancerWarnings(
  { balancers, server, edge }: Config,
  { show }: CrossCheckContext,
): Generator<Conflict> {
  if (balancers.trusted.some((range) => range.endsWith('/0'))) {
    yield { keys: [TRUSTED], reason: 'a range that ends in /0 is everybody: anyone can claim any address' };
  }
  const believes = server.proxyProtocol || edge.proxyProtocol || balancers.forwardedHeader !== 'none';
  if (balancers.trusted.length > 0 && !believes) {
    yield {
      keys: [TRUSTED, HEADER],
      reason: `without server.proxyProtocol, edge.proxyProtocol and with ${show(HEADER)} there is nothing that they could say`,
    };
  }
}

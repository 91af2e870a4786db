import type { Conflict, CrossCheckContext } from './conflict.js';
import { nearest } from './nearest.js';
import type { Plain } from './raw.js';
import type { Config } from './schema.js';

type Proxy = Config['proxies'][string];
type Fault = readonly [option: string, value: Plain, reason: string];

/** What the options of a proxy get wrong among themselves, with upstreams, and with other proxies. */
export function* proxyConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  const upstreams = context.namesIn('upstreams');
  const servedBy = new Map<string, string>();
  for (const [name, proxy] of Object.entries(config.proxies)) {
    const fault =
      backendFault(name, proxy, upstreams) ??
      descriptionFault(proxy) ??
      twiceFault(name, proxy, servedBy) ??
      limitFault(proxy, config, context);
    if (fault === undefined) continue;
    const [option, value, reason] = fault;
    // "upstreams" takes part only by its names: its own mistakes don't matter here.
    yield { keys: ['proxies'], part: { name: `${name}.${option}`, value }, reason };
  }
}

function backendFault(
  name: string,
  { upstream, addresses }: Proxy,
  upstreams: readonly string[] | undefined,
): Fault | undefined {
  if (upstream === '' && addresses.length === 0)
    return ['addresses', [], 'expected at least one address, such as 10.0.0.5:50061, or an upstream'];
  if (upstream !== '' && addresses.length > 0)
    return ['addresses', addresses, `upstream is given too, ${upstream}: only one of them can be used`];
  if (upstreams === undefined) return undefined;
  if (upstream === '') {
    if (!upstreams.includes(name)) return undefined;
    const reason = `there is an upstream ${name}, and these addresses would be one of that name: write upstream: ${name}, or name one of them otherwise`;
    return ['addresses', addresses, reason];
  }
  if (upstreams.includes(upstream)) return undefined;
  const meant = nearest(upstream, upstreams);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  const known = upstreams.length === 0 ? ', and there are none' : `: ${upstreams.slice(0, 10).join(', ')}`;
  return ['upstream', upstream, `expected one of upstreams${known}${hint}`];
}

function descriptionFault({ services, proto, importPaths, reflection }: Proxy): Fault | undefined {
  if (proto.includes('')) return ['proto', proto, 'expected paths of .proto files, none of them empty'];
  if (reflection && proto.length > 0)
    return ['reflection', true, 'proto is given too: only one of them can say which methods there are'];
  if (services.length === 0 && proto.length === 0 && !reflection)
    return [
      'services',
      [],
      'expected the full names of services, such as stock.v1.StockService, or proto or reflection, which name them',
    ];
  if (importPaths.length > 0 && proto.length === 0)
    return ['importPaths', importPaths, 'it is for the imports of proto, which is not given'];
  return undefined;
}

function twiceFault(name: string, { services }: Proxy, servedBy: Map<string, string>): Fault | undefined {
  for (const service of services) {
    const other = servedBy.get(service);
    if (other !== undefined) return ['services', services, `${service} is passed on by ${other} already`];
    servedBy.set(service, name);
  }
  return undefined;
}

function limitFault(proxy: Proxy, { memory }: Config, context: CrossCheckContext): Fault | undefined {
  const { queueSize, maxAttempts, retryOn } = proxy;
  if (maxAttempts > 1 && retryOn.length === 0)
    return ['retryOn', [], 'expected at least one status, for maxAttempts is more than 1'];
  if (memory.budget > 0 && queueSize > memory.budget && !context.isDefault('memory.budget'))
    return ['queueSize', queueSize, `expected at most ${context.show('memory.budget')}`];
  return undefined;
}

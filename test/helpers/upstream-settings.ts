import type { Settings } from './gateway.js';

/** A route `up` to an upstream at these addresses, which gives up soon; `own` are options of the upstream. */
export function upstreamSettings(addresses: readonly string[], own: object = {}): Settings {
  const fast = { backoffFirst: '10ms', backoffMax: '200ms', connectTimeout: '2s', closeGrace: '500ms' };
  return {
    upstreams: JSON.stringify({ it: { addresses, ...fast, ...own } }),
    routes: JSON.stringify({ echo: { kind: 'echo' }, up: { kind: 'upstream', upstream: 'it' } }),
  };
}

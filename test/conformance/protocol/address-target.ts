import type { StreamMethod } from '../../../src/transport/contract.js';
import { Skipped } from '../skipped.js';
import type { Case } from './case.js';
import { Changes, sleep } from './changes.js';
import { Http2Connection } from './http2-connection.js';
import { open } from './say.js';
import { Stage } from './stage.js';
import type { Target, TargetSource } from './target.js';

export interface AddressOptions {
  /** `http://host:port`, or https. */
  readonly url: string;
  readonly route: string;
  readonly wholeRoute: string;
  readonly patienceMs: number;
  readonly maxWaitMs: number;
}

/** The suite can't be run against this; what to do about it. */
export class Unusable extends Error {
  override readonly name = 'Unusable';
}

/**
 * A gateway at an address, one for all cases. Resolves when it is known to
 * listen and to have the route; rejects with `Unusable`.
 */
export async function addressSource(options: AddressOptions, method: StreamMethod): Promise<TargetSource> {
  const { url, route, wholeRoute, patienceMs, maxWaitMs } = options;
  const changes = new Changes();
  let missing: string | undefined;
  const target: Target & AsyncDisposable = {
    method,
    route,
    get wholeRoute() {
      if (missing !== undefined) throw new Skipped(missing);
      return wholeRoute;
    },
    connect: (metadata) => new Http2Connection(url, method, metadata, changes.happened),
    until: (condition, what) => changes.until(condition, what, patienceMs),
    maxWaitMs,
    probes: false,
    sleep,
    // It is not ours to end.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  if (!(await hasRoute(target, url, route))) {
    throw new Unusable(
      `the gateway at ${url} has no route "${route}": configure one of kind conformance, or name it with --route`,
    );
  }
  if (!(await hasRoute(target, url, wholeRoute))) {
    missing = `the gateway has no route "${wholeRoute}" (kind conformance, payload: whole)`;
  }
  return {
    name: `${url}, ${method}`,
    configurable: false,
    start: () => Promise.resolve(target),
  };
}

async function hasRoute(target: Target, url: string, route: string): Promise<boolean> {
  const stage = new Stage(target);
  try {
    const peer = stage.dial();
    try {
      await peer.welcomed();
    } catch (error) {
      throw new Unusable(reasonFor(peer.connection.ending?.message, url), { cause: error });
    }
    const session = stage.session(route);
    peer.write(open(session));
    const [answer] = await peer.reads(session, '');
    const { control } = answer ?? {};
    if (control?.action === 'opened') return true;
    if (control?.action === 'closed' && control.code === 'UNKNOWN_ROUTE') return false;
    const said = control?.action === 'closed' ? `${control.code} ${control.reason}` : 'something else';
    throw new Unusable(`the gateway at ${url} answers an Open of route "${route}" with ${said}`);
  } finally {
    stage.leave();
  }
}

function reasonFor(ending: string | undefined, url: string): string {
  if (ending?.includes('ECONNREFUSED') === true) return `nothing listens at ${url}`;
  if (ending === undefined) return `${url} takes connections and says no Welcome`;
  return `${url} can not be spoken to: ${ending === '' ? 'the connection ended at once' : ending}`;
}

/** Whether a case's name or its section's holds the text. */
export function isMeant(only: string | undefined, title: string, { name }: Case): boolean {
  return only === undefined || `${title}: ${name}`.toLowerCase().includes(only.toLowerCase());
}

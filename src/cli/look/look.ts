import {
  connectionsOf,
  readinessOf,
  totalsOf,
  type ConnectionPage,
  type Readiness,
  type Totals,
} from './answers.js';
import type { AdminClient } from './admin-client.js';
import { findings } from './findings.js';

/** What there is to see of a gateway at one moment. */
export interface Look {
  readonly readiness: Readiness;
  readonly totals: Totals;
}

/** Throws a `CommandError`. */
export async function lookAt(admin: AdminClient): Promise<Look> {
  const [readiness, totals] = await Promise.all([admin.get('/readyz'), admin.get('/totals')]);
  return { readiness: readinessOf(admin.shown, readiness), totals: totalsOf(admin.shown, totals) };
}

/** A page of connections; `query` is that of docs/admin.md. Throws a `CommandError`. */
export async function connectionsAt(admin: AdminClient, query: URLSearchParams): Promise<ConnectionPage> {
  return connectionsOf(admin.shown, await admin.get(`/connections?${query.toString()}`));
}

/** What `status` and `top` say of a gateway to programs; documented in docs/cli.md. */
export function lookAsJson(address: string, { readiness, totals }: Look): object {
  const { gateway, connections, sessions, sockets, bytes, flow, errors, queues } = totals;
  const { version, nodeId, startedAt, uptimeMs, addresses, receiveRate, sendRate, slow, limits, process } =
    gateway;
  return {
    admin: address,
    ready: readiness.ready,
    reasons: readiness.reasons,
    findings: findings(readiness, totals),
    version,
    nodeId,
    startedAt,
    uptimeMs,
    addresses,
    connections: { active: connections.active, limit: limits.connections, rejected: connections.rejected },
    sessions: { active: sessions.active, limit: limits.sessions, detached: sessions.windowed.detached },
    sockets: { active: sockets.active, limit: limits.sockets },
    edgeSockets: { active: sockets.edge, limit: limits.edgeSockets },
    rates: { receive: receiveRate, send: sendRate },
    queues,
    memory: { buffered: bytes.buffered, budget: bytes.budget },
    dropped: { up: flow.up.dropped, down: flow.down.dropped },
    errors: { route: errors.route, slowConsumers: errors.slowConsumers },
    slow,
    process,
  };
}

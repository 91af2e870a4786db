import type { Logger } from '../core/logger.js';
import type { AdminRequest } from './admin-request.js';
import {
  CONNECTION_LOADS,
  type AdminSources,
  type ConnectionLoad,
  type InspectedConnection,
  type InspectedSession,
} from './admin-sources.js';
import { checkQuery, limitOf, page } from './list-page.js';
import { heaviestOf } from './listing.js';
import { errorResponse, json, type AdminResponse } from './responses.js';
import { listRevocations, oneRevocation, pardon, revoke } from './revocation-routes.js';

/** Between the parts of a session's key: IDs are printable, so none holds it. */
const SEPARATOR = '\u0000';
const LIST_PARAMETERS = ['limit', 'after', 'client'];
const CONNECTION_PARAMETERS = [...LIST_PARAMETERS, 'match', 'slow', 'sort'];
const READ = 'GET, HEAD';
const ENDPOINTS = [
  'GET /metrics',
  'GET /healthz',
  'GET /readyz',
  'GET /totals',
  'GET /connections',
  'GET /connections/{connectionId}',
  'GET /sessions',
  'GET /sessions/{clientId}/{sessionId}',
  'GET /revocations',
  'POST /revocations',
  'GET /revocations/{subject}',
  'DELETE /revocations/{subject}',
] as const;

/** What is at a path: how it is read and, where it can be changed, by which method. */
interface Resource {
  readonly read: (query: URLSearchParams) => AdminResponse | Promise<AdminResponse>;
  readonly change?: {
    readonly method: 'POST' | 'DELETE';
    readonly make: (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;
  };
}

/** Answers a request. Never throws for what a client sent. */
export async function answer(
  request: AdminRequest,
  sources: AdminSources,
  logger: Pick<Logger, 'warn'>,
): Promise<AdminResponse> {
  const parsed = parseTarget(request.target);
  if (parsed === undefined) return errorResponse('BAD_REQUEST', 'The request target is not a path.');
  const { path, query } = parsed;
  const segments = pathSegments(path);
  if (segments === undefined) return errorResponse('BAD_REQUEST', 'The path is not percent-encoded UTF-8.');
  const resource = resourceAt(segments, sources, logger);
  if (resource === undefined) {
    return errorResponse('NOT_FOUND', `There is nothing at ${path}; / lists what there is.`);
  }
  const { read, change } = resource;
  if (request.method === 'GET' || request.method === 'HEAD') return read(query);
  if (request.method !== change?.method) {
    const allow = change === undefined ? READ : `${READ}, ${change.method}`;
    return errorResponse('METHOD_NOT_ALLOWED', `This path only answers ${allow}.`, { allow });
  }
  const reason = request.whyNoChange();
  if (reason !== undefined) return errorResponse('FORBIDDEN', reason);
  if (query.size > 0) return errorResponse('BAD_REQUEST', 'A change takes no parameters.');
  return change.make(request);
}

function resourceAt(
  [section, first, second, ...rest]: readonly string[],
  sources: AdminSources,
  logger: Pick<Logger, 'warn'>,
): Resource | undefined {
  if (rest.length > 0) return undefined;
  if (section === 'sessions' && first !== undefined) {
    return second === undefined ? undefined : { read: () => oneSession(first, second, sources) };
  }
  if (second !== undefined) return undefined;
  if (first !== undefined) {
    if (section === 'connections') return { read: () => oneConnection(first, sources) };
    return section === 'revocations' ? revocationOf(first, sources, logger) : undefined;
  }
  switch (section) {
    case '':
      return { read: () => json({ endpoints: ENDPOINTS }) };
    case 'healthz':
      return { read: () => json({ status: 'ok' }) };
    case 'readyz':
      return { read: () => readiness(sources) };
    case 'totals':
      return { read: () => json(sources.totals()) };
    case 'metrics':
      return { read: async () => ({ status: 200, ...(await sources.metricsText()) }) };
    case 'connections':
      return { read: (query) => listConnections(query, sources) };
    case 'sessions':
      return { read: (query) => listSessions(query, sources) };
    case 'revocations':
      return allRevocations(sources, logger);
    default:
      return undefined;
  }
}

function allRevocations({ revocations }: AdminSources, logger: Pick<Logger, 'warn'>): Resource | undefined {
  if (revocations === undefined) return undefined;
  return {
    read: (query) => listRevocations(query, revocations),
    change: { method: 'POST', make: (request) => revoke(request, revocations, logger) },
  };
}

function revocationOf(
  subject: string,
  { revocations }: AdminSources,
  logger: Pick<Logger, 'warn'>,
): Resource | undefined {
  if (revocations === undefined) return undefined;
  return {
    read: () => oneRevocation(subject, revocations),
    change: { method: 'DELETE', make: (request) => pardon(subject, request, revocations, logger) },
  };
}

function readiness(sources: AdminSources): AdminResponse {
  const { ready, reasons } = sources.ready();
  return json({ ready, reasons }, ready ? 200 : 503);
}

function listConnections(query: URLSearchParams, sources: AdminSources): AdminResponse {
  const mistake = checkQuery(query, CONNECTION_PARAMETERS) ?? checkConnectionQuery(query);
  if (mistake !== undefined) return errorResponse('BAD_REQUEST', mistake);
  const connections = sources.connections(query.get('client') ?? undefined);
  const match = query.get('match');
  const matching = match === null ? connections : ofClientsLike(match, connections);
  const shown = query.has('slow') ? slowOf(matching) : matching;
  const sort = query.get('sort');
  if (sort === null) return page('connections', query, shown, (item) => item.id, snapshotOf);
  const weightOf = (item: InspectedConnection): number => item.load(sort as ConnectionLoad);
  const { items, total } = heaviestOf(shown, weightOf, limitOf(query));
  return json({ connections: items.map((item) => item.snapshot()), total, next: null });
}

/** Those of clients whose ID holds `part`, in whatever case. */
function* ofClientsLike(
  part: string,
  connections: Iterable<InspectedConnection>,
): Generator<InspectedConnection> {
  const wanted = part.toLowerCase();
  for (const connection of connections) {
    if (connection.clientId.toLowerCase().includes(wanted)) yield connection;
  }
}

function* slowOf(connections: Iterable<InspectedConnection>): Generator<InspectedConnection> {
  for (const connection of connections) if (connection.slowBecause() !== null) yield connection;
}

function listSessions(query: URLSearchParams, sources: AdminSources): AdminResponse {
  const mistake = checkQuery(query, LIST_PARAMETERS);
  if (mistake !== undefined) return errorResponse('BAD_REQUEST', mistake);
  const sessions = sources.sessions(query.get('client') ?? undefined);
  const keyOf = (item: InspectedSession): string => `${item.clientId}${SEPARATOR}${item.sessionId}`;
  return page('sessions', query, sessions, keyOf, snapshotOf);
}

function snapshotOf(item: { snapshot(): object }): object {
  return item.snapshot();
}

function oneConnection(id: string, sources: AdminSources): AdminResponse {
  const connection = sources.connection(id);
  if (connection === undefined)
    return errorResponse('NOT_FOUND', `There is no connection ${JSON.stringify(id)}.`);
  return json(connection.snapshot());
}

function oneSession(clientId: string, sessionId: string, sources: AdminSources): AdminResponse {
  const session = sources.session(clientId, sessionId);
  if (session === undefined) {
    const name = JSON.stringify(`${clientId}:${sessionId}`);
    return errorResponse('NOT_FOUND', `There is no session ${name}.`);
  }
  return json(session.snapshot());
}

function checkConnectionQuery(query: URLSearchParams): string | undefined {
  const slow = query.get('slow');
  if (slow !== null && slow !== '' && slow !== 'true') {
    return `slow is ${JSON.stringify(slow)}: it takes no value, or true.`;
  }
  const sort = query.get('sort');
  if (sort === null) return undefined;
  const loads: readonly string[] = CONNECTION_LOADS;
  if (!loads.includes(sort)) return `sort is ${JSON.stringify(sort)}: ${loads.join(', ')} are allowed.`;
  // The order changes from one moment to the next: a page after another would repeat and hide.
  return query.has('after') ? 'sort shows the first page alone: leave out after.' : undefined;
}

/**
 * A target is a path with a query (RFC 9112 section 3.2.1). Not read with
 * `URL`, which would take the IDs "." and ".." for steps along the path.
 */
function parseTarget(target: string): { path: string; query: URLSearchParams } | undefined {
  if (!target.startsWith('/')) return undefined;
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

function pathSegments(path: string): readonly string[] | undefined {
  try {
    return path
      .slice(1)
      .split('/')
      .map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

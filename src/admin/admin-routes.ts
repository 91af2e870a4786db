import {
  CONNECTION_LOADS,
  type AdminSources,
  type ConnectionLoad,
  type InspectedConnection,
  type InspectedSession,
} from './admin-sources.js';
import { heaviestOf, pageOf } from './listing.js';
import { errorResponse, json, type AdminResponse } from './responses.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Between the parts of a session's key: IDs are printable, so none holds it. */
const SEPARATOR = '\u0000';
const LIST_PARAMETERS = ['limit', 'after', 'client'];
const CONNECTION_PARAMETERS = [...LIST_PARAMETERS, 'slow', 'sort'];
const ENDPOINTS = [
  '/metrics',
  '/healthz',
  '/readyz',
  '/totals',
  '/connections',
  '/connections/{connectionId}',
  '/sessions',
  '/sessions/{clientId}/{sessionId}',
] as const;

/** Answers a GET of `target`, the path and query of a request line. Never throws for what a client sent. */
export async function answer(target: string, sources: AdminSources): Promise<AdminResponse> {
  const parsed = parseTarget(target);
  if (parsed === undefined) return errorResponse('BAD_REQUEST', 'The request target is not a path.');
  const { path, query } = parsed;
  const segments = pathSegments(path);
  if (segments === undefined) return errorResponse('BAD_REQUEST', 'The path is not percent-encoded UTF-8.');
  const [section, first, second, ...rest] = segments;
  if (rest.length > 0) return notFound(path);

  if (section === 'connections') {
    if (first === undefined) return listConnections(query, sources);
    return second === undefined ? oneConnection(first, sources) : notFound(path);
  }
  if (section === 'sessions') {
    if (first === undefined) return listSessions(query, sources);
    return second === undefined ? notFound(path) : oneSession(first, second, sources);
  }
  if (first !== undefined) return notFound(path);
  switch (section) {
    case '':
      return json({ endpoints: ENDPOINTS });
    case 'healthz':
      return json({ status: 'ok' });
    case 'readyz': {
      const { ready, reasons } = sources.ready();
      return json({ ready, reasons }, ready ? 200 : 503);
    }
    case 'totals':
      return json(sources.totals());
    case 'metrics': {
      const { contentType, body } = await sources.metricsText();
      return { status: 200, contentType, body };
    }
    default:
      return notFound(path);
  }
}

function listConnections(query: URLSearchParams, sources: AdminSources): AdminResponse {
  const mistake = checkQuery(query, CONNECTION_PARAMETERS) ?? checkConnectionQuery(query);
  if (mistake !== undefined) return errorResponse('BAD_REQUEST', mistake);
  const connections = sources.connections(query.get('client') ?? undefined);
  const shown = query.has('slow') ? slowOf(connections) : connections;
  const sort = query.get('sort');
  if (sort === null) return page('connections', query, shown, (item) => item.id);
  const weightOf = (item: InspectedConnection): number => item.load(sort as ConnectionLoad);
  const { items, total } = heaviestOf(shown, weightOf, limitOf(query));
  return json({ connections: items.map((item) => item.snapshot()), total, next: null });
}

function* slowOf(connections: Iterable<InspectedConnection>): Generator<InspectedConnection> {
  for (const connection of connections) if (connection.slowBecause() !== null) yield connection;
}

function listSessions(query: URLSearchParams, sources: AdminSources): AdminResponse {
  const mistake = checkQuery(query, LIST_PARAMETERS);
  if (mistake !== undefined) return errorResponse('BAD_REQUEST', mistake);
  const sessions = sources.sessions(query.get('client') ?? undefined);
  const keyOf = (item: InspectedSession): string => `${item.clientId}${SEPARATOR}${item.sessionId}`;
  return page('sessions', query, sessions, keyOf);
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

/** One page: `{ <name>: [...], total, next }`, where `next` is the path of the page that follows, or null. */
function page<T extends { snapshot(): object }>(
  name: string,
  query: URLSearchParams,
  all: Iterable<T>,
  keyOf: (item: T) => string,
): AdminResponse {
  const limit = limitOf(query);
  const { items, total, after } = pageOf(all, keyOf, limit, query.get('after') ?? '');
  let next: string | null = null;
  if (after !== undefined) {
    const parameters = new URLSearchParams(query);
    parameters.set('limit', String(limit));
    parameters.set('after', after);
    next = `/${name}?${parameters.toString()}`;
  }
  return json({ [name]: items.map((item) => item.snapshot()), total, next });
}

function limitOf(query: URLSearchParams): number {
  return Number(query.get('limit') ?? DEFAULT_LIMIT);
}

/** What is wrong with a list's query; undefined when nothing is. */
function checkQuery(query: URLSearchParams, known: readonly string[]): string | undefined {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const names = `${known.slice(0, -1).join(', ')} and ${known.at(-1) ?? ''}`;
      return `Unknown parameter ${JSON.stringify(name)}: ${names} are known.`;
    }
    if (query.getAll(name).length > 1) return `${name} is given more than once.`;
  }
  const limit = query.get('limit');
  if (limit !== null && !(/^\d{1,4}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= MAX_LIMIT)) {
    return `limit is ${JSON.stringify(limit)}: an integer from 1 to ${MAX_LIMIT} is allowed.`;
  }
  return undefined;
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

function notFound(path: string): AdminResponse {
  return errorResponse('NOT_FOUND', `There is nothing at ${path}; / lists what there is.`);
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

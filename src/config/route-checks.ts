import type { Conflict, CrossCheckContext } from './conflict.js';
import { nearest } from './nearest.js';
import type { Config } from './schema.js';

/** What the options of routes get wrong together. */
export function* routeOptionConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  yield* overflowConflicts(config);
  yield* pathConflicts(config);
  yield* deadLetterConflicts(config);
  yield* sizeConflicts(config, context);
  yield* backoffConflicts(config);
}

/** A route's own policy is what sessions get whose client chooses none: it has to be one that they may have. */
function* overflowConflicts({ routes }: Config): Generator<Conflict> {
  for (const [name, { overflow, allowedOverflow }] of Object.entries(routes)) {
    // What a module says is known when it is loaded.
    if (overflow === 'module' || allowedOverflow.length === 0 || allowedOverflow.includes(overflow)) continue;
    yield conflict(
      `${name}.overflow`,
      overflow,
      `expected one of its allowedOverflow: ${allowedOverflow.join(', ')}`,
    );
  }
}

function* pathConflicts({ routes }: Config): Generator<Conflict> {
  for (const [name, route] of Object.entries(routes)) {
    if (route.kind !== 'module' || route.path !== '') continue;
    yield conflict(`${name}.path`, '', 'a route of kind module needs its path: the ES module with its code');
  }
}

function* deadLetterConflicts({ routes }: Config): Generator<Conflict> {
  const names = Object.keys(routes);
  const next = (name: string): string => routes[name]?.deadLetter.split('/', 1)[0] ?? '';
  for (const [name, { deadLetter }] of Object.entries(routes)) {
    if (deadLetter === '') continue;
    const target = next(name);
    if (!names.includes(target)) {
      const meant = nearest(target, names);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      yield conflict(
        `${name}.deadLetter`,
        deadLetter,
        `expected one of routes: ${names.slice(0, 10).join(', ')}${hint}`,
      );
      continue;
    }
    const way = [name];
    for (let at = target; at !== '' && names.includes(at); at = next(at)) {
      way.push(at);
      // A circle that others lead into is told of where it is.
      if (way.indexOf(at) < way.length - 1) break;
    }
    if (way.at(-1) !== name) continue;
    yield conflict(
      `${name}.deadLetter`,
      deadLetter,
      `a message that fails everywhere would go round for ever: ${way.join(' → ')}`,
    );
  }
}

function* sizeConflicts(
  { routes, server, session }: Config,
  context: CrossCheckContext,
): Generator<Conflict> {
  const keys = ['server.maxMessageSize', 'session.maxPayloadSize'] as const;
  const most = Math.max(server.maxMessageSize, session.maxPayloadSize);
  for (const [name, { maxMessageSize }] of Object.entries(routes)) {
    if (maxMessageSize <= most || keys.every((key) => context.isDefault(key))) continue;
    yield conflict(
      `${name}.maxMessageSize`,
      maxMessageSize,
      `nothing larger comes than ${keys.map((key) => context.show(key)).join(' or, joined, ')} lets in`,
    );
  }
}

function* backoffConflicts({ routes }: Config): Generator<Conflict> {
  for (const [name, { retries, retryBackoff, retryMaxBackoff }] of Object.entries(routes)) {
    if (retries === 0 || retryBackoff <= retryMaxBackoff) continue;
    yield conflict(
      `${name}.retryBackoff`,
      `${String(retryBackoff)}ms`,
      `expected at most its retryMaxBackoff, ${String(retryMaxBackoff)}ms`,
    );
  }
}

function conflict(name: string, value: string | number, reason: string): Conflict {
  return { keys: ['routes'], part: { name, value }, reason };
}

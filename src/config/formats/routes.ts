import { nearest } from '../nearest.js';
import type { Plain, Raw } from '../raw.js';
import type { Values } from '../setting.js';
import { accept, type Format, type Reading, refuse } from './format.js';
import { namedMap } from './named-map.js';
import { below, type Options, printOptions, readOptions } from './options.js';

/** The kinds of route, each with the options it takes besides `kind`. */
export type RouteKinds = Readonly<Record<string, Options>>;

/** A configured route: its kind, and the options of that kind. */
export type RouteOf<K extends RouteKinds> = {
  readonly [N in keyof K & string]: { readonly kind: N } & Values<K[N]>;
}[keyof K & string];

/** Routes, sessions and topics are named in one path, `route/subject`: no slash in a route's name. */
export const ROUTE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
export const ROUTE_NAME_ALLOWED =
  'a route name: a letter, then at most 63 letters, digits, dots, hyphens and underscores';
const MAX_ROUTES = 1_000;
const ALLOWED = `1 to ${String(MAX_ROUTES)} routes, each a name with its kind: {echo: {kind: echo}}`;

/** A map from route names to routes. */
export function routeMap<const K extends RouteKinds>(kinds: K): Format<Readonly<Record<string, RouteOf<K>>>> {
  return namedMap({
    name: ROUTE_NAME,
    nameAllowed: ROUTE_NAME_ALLOWED,
    least: 1,
    most: MAX_ROUTES,
    allowed: ALLOWED,
    summary: `1 to ${String(MAX_ROUTES)} routes`,
    print: (route, hideSecrets) => printRoute(kinds, route, hideSecrets),
    read: (raw, folder) => readRoute(kinds, raw, folder),
  });
}

function readRoute<K extends RouteKinds>(kinds: K, raw: Raw, folder?: string): Reading<RouteOf<K>> {
  if (raw.kind !== 'map') return refuse(raw, 'a map with a kind: {kind: echo}');
  const kindNames = Object.keys(kinds);
  const allowedKinds = `one of ${kindNames.join(', ')}`;
  const kindRaw = raw.entries.find(({ name }) => name === 'kind')?.value;
  if (kindRaw === undefined) return refuse(raw, `a kind, ${allowedKinds}`);
  const kind = kindRaw.kind === 'text' ? kindRaw.text : '';
  const options = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (options === undefined) {
    const meant = nearest(kind, kindNames);
    const hint = meant === undefined ? undefined : `did you mean ${meant}?`;
    return {
      problems: refuse(kindRaw, allowedKinds, hint).problems.map((problem) => below('kind', problem)),
    };
  }
  const entries = raw.entries.filter(({ name }) => name !== 'kind');
  const { values, problems } = readOptions(`a route of kind ${kind}`, options, entries, folder);
  // The values were read with this kind's own settings, which is what RouteOf says.
  return problems.length === 0 ? accept({ kind, ...values } as RouteOf<K>) : { problems };
}

function printRoute<K extends RouteKinds>(kinds: K, route: RouteOf<K>, hideSecrets: boolean): Plain {
  const values: Readonly<Record<string, unknown>> = route;
  return { kind: route.kind, ...printOptions(kinds[route.kind] ?? {}, values, hideSecrets) };
}

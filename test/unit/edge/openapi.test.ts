import { expect, it } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { edgeRoutes } from '../../../src/edge/edge-routes.js';
import type { EdgeRequest } from '../../../src/edge/edge-route.js';
import { Pushes, type PushesOptions } from '../../../src/edge/pushes.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: object }>>;
}
interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: object };
}

function routesWith(queryToken: boolean) {
  return edgeRoutes({
    parts: { accept: () => ({}) as never, pushes: new Pushes({} as PushesOptions) },
    clock: new SystemClock(),
    account: new ByteAccount(1),
    maxMessageBytes: 1,
    queryToken,
    events: { heartbeatIntervalMs: 0, retryMs: 1 },
    version: '1.2.3',
    headersFor: () => ({}),
  });
}

async function descriptionOf(routes: ReturnType<typeof routesWith>): Promise<Description> {
  const own = routes.find(({ operationId }) => operationId === 'describe');
  const answer = await own?.serve({} as EdgeRequest);
  return JSON.parse((answer?.body as Buffer).toString()) as Description;
}

it('describes every route that is served, and no other', async () => {
  const routes = routesWith(false);
  const { paths, openapi } = await descriptionOf(routes);
  expect(openapi).toBe('3.1.0');
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
});

it('every placeholder of a path is a parameter that is required, every name of an operation its own', async () => {
  const { paths } = await descriptionOf(routesWith(true));
  const names: string[] = [];
  for (const [path, operations] of Object.entries(paths)) {
    const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { operationId, parameters = [], responses } of Object.values(operations)) {
      names.push(operationId);
      const inPath = parameters.filter((each) => each.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual(placeholders);
      expect(inPath.every(({ required }) => required === true)).toBe(true);
      expect(Object.keys(responses)).toContain('200');
    }
  }
  expect(new Set(names).size).toBe(names.length);
});

it('refers to schemas that there are', async () => {
  const description = await descriptionOf(routesWith(false));
  const references = [...JSON.stringify(description).matchAll(/"#\/components\/schemas\/(\w+)"/g)];
  const known = Object.keys(description.components.schemas);
  expect(known.length).toBeGreaterThan(0);
  for (const [, name] of references) expect(known).toContain(name);
});

it('names the token of the query only where one is taken', async () => {
  expect(JSON.stringify(await descriptionOf(routesWith(true)))).toContain('access_token');
  expect(JSON.stringify(await descriptionOf(routesWith(false)))).not.toContain('access_token');
});

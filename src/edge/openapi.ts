import { errorCatalogue } from '../core/errors.js';
import type { EdgeRoute, Parameter, Schema } from './edge-route.js';

/** What a status of HTTP means here, for whoever reads the description. */
const ERRORS: Readonly<Record<number, string>> = {
  400: 'The request is not one that can be done: the message says what is wrong with it.',
  401: 'Who is calling has to be shown, or what was shown does not hold.',
  403: 'The caller, or the page that asks for them, may not do this.',
  404: 'There is no such route, or client, or session.',
  408: 'Not all of the request came in time, or what was sent was not taken in time.',
  413: 'The body is larger than the gateway takes.',
  429: 'More than this caller may. Retry-After says when again.',
  503: 'The gateway is leaving, or has more to do than it can. Retry-After says when again.',
};

const SEQUENCE: Schema = { type: 'string', pattern: '^[0-9]{1,16}$' };

const SCHEMAS: Readonly<Record<string, Schema>> = {
  Published: {
    type: 'object',
    required: ['sequence', 'subscribers', 'duplicate'],
    properties: {
      sequence: { ...SEQUENCE, description: 'Its number in the topic.' },
      subscribers: { type: 'integer', minimum: 0, description: 'To how many it went.' },
      duplicate: {
        type: 'boolean',
        description: 'It was there already, by its idempotency key; all else is of the first time.',
      },
    },
  },
  Pushed: {
    type: 'object',
    required: ['sent', 'failed'],
    properties: {
      sent: { type: 'integer', minimum: 0, description: 'Sessions that have taken it.' },
      failed: {
        type: 'array',
        description: 'Sessions that have not, each with why.',
        items: {
          type: 'object',
          required: ['session', 'route', 'code', 'message'],
          properties: {
            session: { type: 'string' },
            route: { type: 'string' },
            code: { type: 'string', enum: Object.keys(errorCatalogue) },
            message: { type: 'string' },
            retryAfterMs: { type: 'integer', minimum: 0 },
          },
        },
      },
    },
  },
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: { type: 'string', enum: Object.keys(errorCatalogue) },
          message: { type: 'string', description: 'A sentence for a person.' },
          retryAfterMs: { type: 'integer', minimum: 0, description: 'Where waiting helps.' },
        },
      },
    },
  },
};

/** The routes as OpenAPI 3.1 describes them, without the parameters that are `hidden`. */
export function describe(
  routes: readonly EdgeRoute[],
  version: string,
  hidden: readonly Parameter[] = [],
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route, hidden);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice over HTTP',
      version,
      description: 'Publish, follow and push with plain HTTP. Errors have the codes of docs/errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    // Whether a token is needed is for the gateway's configuration to say.
    security: [{}, { bearer: [] }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(route: EdgeRoute, hidden: readonly Parameter[]): object {
  const { operationId, summary, description, requestBody, responses, errors } = route;
  const parameters = route.parameters.filter((parameter) => !hidden.includes(parameter));
  const refusals = errors.map((status) => [
    String(status),
    {
      description: ERRORS[status] ?? 'An error.',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    },
  ]);
  return {
    operationId,
    summary,
    description,
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody !== undefined && { requestBody }),
    responses: { ...responses, ...(Object.fromEntries(refusals) as object) },
  };
}

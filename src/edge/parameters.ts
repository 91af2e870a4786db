import type { Parameter, Schema } from './edge-route.js';

/** A sequence as a client writes it: decimal, at most 2^53 - 1 (the wire contract). */
export const SEQUENCE_PATTERN = '^(0|[1-9][0-9]{0,15})$';

/** Of IDs, routes, subjects and keys. */
export const NAME: Schema = { type: 'string', minLength: 1, maxLength: 128, pattern: '^\\P{C}+$' };

const CLIENT_ID: Parameter = {
  name: 'client_id',
  in: 'query',
  description:
    'Who is calling, as header x-client-id says it, for browsers, which can set no headers. Where anonymous clients are allowed.',
  schema: NAME,
};

export const ACCESS_TOKEN: Parameter = {
  name: 'access_token',
  in: 'query',
  description:
    'A bearer token (RFC 6750 section 2.3), for EventSource, which can set no headers. Only where edge.queryToken is true.',
  schema: { type: 'string', minLength: 1 },
};

/** Who is calling, for every route that wants to know. */
export const CALLER: readonly Parameter[] = [
  {
    name: 'x-client-id',
    in: 'header',
    description: 'Who is calling, where anonymous clients are allowed. Default: a new ID.',
    schema: NAME,
  },
  CLIENT_ID,
  ACCESS_TOKEN,
];

export const TOPIC: Parameter = {
  name: 'topic',
  in: 'path',
  description:
    'route/subject. All that follows /v1/topics/, percent-encoded; a slash may be written as it is. The first one ends the name of the route.',
  required: true,
  schema: { type: 'string', pattern: '^[^/\\p{C}]{1,128}/\\P{C}{1,128}$' },
};

/** The query of a route as one schema: what is not in it is refused, for it would quietly mean nothing. */
export function querySchema(parameters: readonly Parameter[]): Schema {
  const inQuery = parameters.filter(({ in: place }) => place === 'query');
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(inQuery.map(({ name, schema }) => [name, schema])),
  };
}

import type { IncomingMessage } from 'node:http';
import type { OriginPolicy } from './origin-policy.js';
import { requestOrigin } from './request-origin.js';

/** Of a request, those that mean something here; besides x-meta-<name>. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'x-client-id',
  'x-key',
  'x-ttl-ms',
];
const RESPONSE_HEADERS = 'retry-after, ratelimit, ratelimit-policy';
const PREFLIGHT_SECONDS = 600;

/** What lets a page of another origin read an answer (Fetch standard, section 3.3); nothing for one that may not be here. */
export function corsHeaders(
  request: IncomingMessage,
  policy: OriginPolicy,
): Readonly<Record<string, string>> {
  const { origin } = request.headers;
  if (policy.refusal(requestOrigin(request)) !== undefined) return { vary: 'Origin' };
  if (origin === undefined) return policy.allowsAny ? {} : { vary: 'Origin' };
  return {
    'access-control-allow-origin': policy.allowsAny ? '*' : origin,
    'access-control-expose-headers': RESPONSE_HEADERS,
    vary: 'Origin',
  };
}

/** The answer to a browser that asks before it asks. */
export function preflightHeaders(
  { headers }: Pick<IncomingMessage, 'headers'>,
  methods: readonly string[],
): Readonly<Record<string, string>> {
  const asked = headers['access-control-request-headers'] ?? '';
  const own = asked
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^x-meta-[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name));
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': [...REQUEST_HEADERS, ...own].join(', '),
    'access-control-max-age': String(PREFLIGHT_SECONDS),
  };
}

import { SluiceError } from '../core/errors.js';
import type { BufferAccount } from '../flow/held-bytes.js';
import type { StreamAcceptor } from '../transport/contract.js';
import type { PublishRequest, PublishResponse } from '../wire/topic-messages.js';
import { callMetadata } from './caller.js';
import type { EdgeAnswer, EdgeRequest, EdgeRoute } from './edge-route.js';
import { headerText } from './header-text.js';
import { CALLER, NAME, TOPIC } from './parameters.js';
import { PublishStream } from './publish-stream.js';
import { rateHeaders } from './rate-headers.js';
import { invalid } from './refusal.js';
import { topicOf } from './topic-path.js';

export interface PublishRouteOptions {
  readonly accept: StreamAcceptor;
  readonly account: BufferAccount;
  readonly maxMessageBytes: number;
  readonly queryToken: boolean;
}

/** Headers with this prefix are metadata of the message. */
const METADATA_PREFIX = 'x-meta-';
const MAX_TTL_MS = 2 ** 32 - 1;

/** POST /v1/topics/{topic}: the body is a message. */
export function publishRoute(options: PublishRouteOptions): EdgeRoute {
  return {
    method: 'POST',
    path: '/v1/topics/{topic}',
    pattern: '/v1/topics/*',
    operationId: 'publish',
    summary: 'Publish a message to a topic',
    description:
      'The body is the data, as it is, whatever its type. Answered when the topic has it. Headers x-meta-<name> are metadata of the message, and so is content-type.',
    parameters: [
      TOPIC,
      ...CALLER,
      {
        name: 'x-key',
        in: 'header',
        description: 'The key of the message: of several that wait, conflate keeps the last of each key.',
        schema: { type: 'string' },
      },
      {
        name: 'x-ttl-ms',
        in: 'header',
        description: 'After so many milliseconds the message is not worth delivering any more. 0: always.',
        schema: { type: 'integer', minimum: 0, maximum: MAX_TTL_MS },
      },
      {
        name: 'idempotency-key',
        in: 'header',
        description:
          'Sent again with the same key, the same message has no second effect (draft-ietf-httpapi-idempotency-key-header).',
        schema: NAME,
      },
    ],
    requestBody: { content: { '*/*': { schema: {} } } },
    responses: {
      '200': {
        description: 'The topic has it.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Published' } } },
      },
    },
    errors: [400, 401, 403, 404, 408, 413, 429, 503],
    serve: (asked) => publish(asked, options),
  };
}

function publish(
  { request, response, peer, query }: EdgeRequest,
  { accept, account, maxMessageBytes, queryToken }: PublishRouteOptions,
): Promise<EdgeAnswer | undefined> {
  const metadata = callMetadata(request, query, queryToken);
  const publication = publicationOf(request.url ?? '', request.headers);
  return new Promise((resolve, reject) => {
    const stream = new PublishStream({
      request,
      response,
      peer,
      metadata,
      publication,
      maxMessageBytes,
      account,
      onOutcome: (outcome, rates) => {
        if (outcome instanceof SluiceError) reject(outcome);
        else resolve({ headers: rateHeaders(rates), body: published(outcome) });
      },
    });
    response.once('close', () => {
      // Nobody waits for an answer any more; where there was one, this comes too late to mean anything.
      resolve(undefined);
    });
    stream.begin(accept);
  });
}

function published({ sequence, subscribers, duplicate }: PublishResponse): object {
  // As text: JavaScript is not the only language that reads it.
  return { sequence: String(sequence), subscribers, duplicate };
}

function publicationOf(
  target: string,
  headers: NodeJS.Dict<string | string[]>,
): Omit<PublishRequest, 'data'> {
  const text = (name: string): string => {
    const value = headers[name];
    return typeof value === 'string' ? headerText(name, value) : '';
  };
  return {
    topic: topicOf(target),
    key: text('x-key'),
    metadata: messageMetadata(headers),
    idempotencyKey: idempotencyKey(text('idempotency-key')),
    ttlMs: ttlOf(text('x-ttl-ms')),
  };
}

/** What a message of HTTP takes along: its content type, and `x-meta-name` as `name`. */
export function messageMetadata(
  headers: NodeJS.Dict<string | string[]>,
): ReadonlyMap<string, string> | undefined {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    if (name === 'content-type') metadata.set(name, headerText(name, value));
    else if (name.startsWith(METADATA_PREFIX) && name.length > METADATA_PREFIX.length) {
      metadata.set(name.slice(METADATA_PREFIX.length), headerText(name, value));
    }
  }
  return metadata.size === 0 ? undefined : metadata;
}

export function ttlOf(text: string): number {
  if (text === '') return 0;
  const ttlMs = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  if (ttlMs <= MAX_TTL_MS) return ttlMs;
  throw invalid(`header x-ttl-ms is not a number of milliseconds from 0 to ${MAX_TTL_MS}`);
}

/** The draft has it as a string of RFC 9651, in quotes; most who send one write it bare. */
function idempotencyKey(text: string): string {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replace(/\\(["\\])/g, '$1');
}

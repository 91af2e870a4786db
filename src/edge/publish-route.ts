import type { IncomingMessage } from 'node:http';
import { SluiceError } from '../core/errors.js';
import type { BufferAccount } from '../flow/held-bytes.js';
import type { StreamAcceptor } from '../transport/contract.js';
import type { PublishRequest, PublishResponse } from '../wire/topic-messages.js';
import { callMetadata } from './caller.js';
import type { EdgeAnswer, EdgeRequest, EdgeRoute } from './edge-route.js';
import { MESSAGE_HEADERS, messageHeaders, textHeader } from './message-headers.js';
import { CALLER, NAME, TOPIC } from './parameters.js';
import { PublishStream } from './publish-stream.js';
import { rateHeaders } from './rate-headers.js';
import { StreamRefusal } from './refusal.js';
import { topicOf } from './topic-path.js';

export interface PublishRouteOptions {
  readonly accept: StreamAcceptor;
  readonly account: BufferAccount;
  readonly maxMessageBytes: number;
  readonly queryToken: boolean;
}

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
      ...MESSAGE_HEADERS,
      {
        name: 'idempotency-key',
        in: 'header',
        description:
          'Sent again by the same client with the same key, the message has no second effect (draft-ietf-httpapi-idempotency-key-header). Whoever does not say who they are is another client each time.',
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
  const publication = publicationOf(request);
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
        if (outcome instanceof SluiceError) reject(new StreamRefusal(outcome));
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

function publicationOf({ url = '', headers }: IncomingMessage): Omit<PublishRequest, 'data'> {
  return {
    topic: topicOf(url),
    ...messageHeaders(headers),
    idempotencyKey: idempotencyKey(textHeader(headers, 'idempotency-key')),
  };
}

/** The draft has it as a string of RFC 9651, in quotes; most who send one write it bare. */
function idempotencyKey(text: string): string {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replace(/\\(["\\])/g, '$1');
}

import type { Clock } from '../core/clock.js';
import type { BufferAccount } from '../flow/held-bytes.js';
import type { StreamAcceptor } from '../transport/contract.js';
import { OverflowPolicy } from '../wire/messages.js';
import type { SubscribeRequest } from '../wire/topic-messages.js';
import { callMetadata } from './caller.js';
import type { EdgeAnswer, EdgeRequest, EdgeRoute } from './edge-route.js';
import { EventStream, type EventSettings } from './event-stream.js';
import { eventText } from './event-text.js';
import { CALLER, SEQUENCE_PATTERN, TOPIC } from './parameters.js';
import { invalid, StreamRefusal } from './refusal.js';
import { errorEvent, EVENT_ENCODINGS, type EventEncoding, type SharedEvents } from './topic-events.js';
import { topicOf } from './topic-path.js';

export interface SubscribeRouteOptions {
  readonly clock: Clock;
  readonly accept: StreamAcceptor;
  readonly account: BufferAccount;
  readonly events: EventSettings;
  readonly shared: SharedEvents;
  readonly queryToken: boolean;
  /** Headers that the answer needs besides its own: for a page of another origin. */
  readonly headersFor: (asked: EdgeRequest) => Readonly<Record<string, string>>;
}

const OVERFLOWS: Readonly<Record<string, number>> = {
  block: OverflowPolicy.BLOCK,
  'drop-oldest': OverflowPolicy.DROP_OLDEST,
  'drop-newest': OverflowPolicy.DROP_NEWEST,
  conflate: OverflowPolicy.CONFLATE,
  disconnect: OverflowPolicy.DISCONNECT,
};

/** GET /v1/topics/{topic}: server-sent events. */
export function subscribeRoute(options: SubscribeRouteOptions): EdgeRoute {
  return {
    method: 'GET',
    path: '/v1/topics/{topic}',
    pattern: '/v1/topics/*',
    operationId: 'subscribe',
    summary: 'Follow a topic by server-sent events',
    description:
      'A stream of events that goes on until either side ends it. The id of an event is its sequence; events gap and error are the gateway’s.',
    parameters: [
      TOPIC,
      ...CALLER,
      {
        name: 'last-event-id',
        in: 'header',
        description: 'Begin after this sequence. Goes before the query.',
        schema: { type: 'string', pattern: SEQUENCE_PATTERN },
      },
      {
        name: 'after',
        in: 'query',
        description: 'Begin after this sequence. Default: with what comes from now on.',
        schema: { type: 'string', pattern: SEQUENCE_PATTERN },
      },
      {
        name: 'history',
        in: 'query',
        description: 'How many of the messages that the topic holds come first, without after.',
        schema: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
      },
      {
        name: 'overflow',
        in: 'query',
        description: 'What happens to messages that are not taken in time. Default: what the route says.',
        schema: { type: 'string', enum: Object.keys(OVERFLOWS) },
      },
      {
        name: 'encoding',
        in: 'query',
        description:
          'What an event holds: text (the default; what is not UTF-8 is an event binary, in base64), base64, or json with key and metadata.',
        schema: { type: 'string', enum: EVENT_ENCODINGS },
      },
    ],
    responses: {
      '200': {
        description: 'The events.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
    },
    errors: [400, 401, 403, 404, 408, 429, 503],
    serve: (asked) => follow(asked, options),
  };
}

function follow(asked: EdgeRequest, options: SubscribeRouteOptions): Promise<EdgeAnswer | undefined> {
  const { request, response, peer, query } = asked;
  const { accept, account, queryToken, clock, events, shared } = options;
  const metadata = callMetadata(request, query, queryToken);
  const subscription = subscriptionOf(asked);
  return new Promise((resolve, reject) => {
    const headers = options.headersFor(asked);
    const stream = new EventStream({
      request,
      response,
      peer,
      metadata,
      clock,
      account,
      subscription,
      encoding: (query['encoding'] as EventEncoding | undefined) ?? 'text',
      events,
      shared,
      headers,
      onRefused: (error) => {
        const { retry } = error.entry;
        if (retry === 'never' || !wantsEvents(request.headers.accept)) {
          reject(new StreamRefusal(error));
          return;
        }
        response.writeHead(200, {
          ...headers,
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
        });
        response.end(eventText(errorEvent(error, Math.max(events.retryMs, error.retryAfterMs ?? 0))));
      },
    });
    shared.join();
    response.once('close', () => {
      shared.leave();
      resolve(undefined);
    });
    stream.begin(accept);
  });
}

function subscriptionOf({ request, query }: EdgeRequest): SubscribeRequest {
  const { history = 0, overflow = '', after = '' } = query as Readonly<Record<string, string | number>>;
  const lastEventId = request.headers['last-event-id'];
  return {
    topic: topicOf(request.url ?? ''),
    afterSequence: sequenceOf(String(typeof lastEventId === 'string' ? lastEventId : after)),
    history: Number(history),
    overflow: OVERFLOWS[String(overflow)] ?? OverflowPolicy.UNSPECIFIED,
  };
}

function sequenceOf(text: string): number {
  if (text === '') return 0;
  const sequence = new RegExp(SEQUENCE_PATTERN).test(text) ? Number(text) : Infinity;
  if (sequence <= Number.MAX_SAFE_INTEGER) return sequence;
  throw invalid('header last-event-id, or after, is no sequence: decimal digits, at most 2^53 - 1');
}

/**
 * Whether it is an EventSource, or one like it: it says so (`Accept:
 * text/event-stream`), and gives up for good at any answer but 200. Where waiting
 * helps, it is told why within the events, and when to come again.
 */
function wantsEvents(accept: string | undefined): boolean {
  return accept?.split(',').some((type) => /^\s*text\/event-stream\s*(;|$)/i.test(type)) === true;
}

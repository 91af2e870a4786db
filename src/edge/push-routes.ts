import type { ServerResponse } from 'node:http';
import { SluiceError } from '../core/errors.js';
import { onAbort } from '../core/on-abort.js';
import type { RateFigures } from '../core/rate-figures.js';
import { linkAbort } from '../core/signals.js';
import { HeldBytes } from '../flow/held-bytes.js';
import { BodyReader } from './body-reader.js';
import { callMetadata } from './caller.js';
import type { EdgeAnswer, EdgeRequest, EdgeRoute, Parameter } from './edge-route.js';
import { MESSAGE_HEADERS, messageHeaders } from './message-headers.js';
import { CALLER, NAME } from './parameters.js';
import type { PushAddress, Pushes } from './pushes.js';
import type { PushOutcome } from './push-targets.js';
import type { PushUnderWay } from './push-under-way.js';
import { rateHeaders } from './rate-headers.js';
import { errorBody, invalid } from './refusal.js';

export interface PushRoutesOptions {
  readonly pushes: Pushes;
  readonly maxMessageBytes: number;
  readonly queryToken: boolean;
}

const CLIENT: Parameter = {
  name: 'client',
  in: 'path',
  description: 'The client ID, percent-encoded.',
  required: true,
  schema: NAME,
};

const SESSION: Parameter = {
  name: 'session',
  in: 'path',
  description: 'The session ID, percent-encoded. On simple connections several sessions may have it.',
  required: true,
  schema: NAME,
};

const FILTER: readonly Parameter[] = [
  { name: 'route', in: 'query', description: 'Only to sessions of this route.', schema: NAME },
  {
    name: 'subject',
    in: 'query',
    description: 'Only to sessions with this subject.',
    schema: { type: 'string', maxLength: 128 },
  },
];

/** A push to a user: to all sessions of a client, or to one. */
export function pushRoutes(options: PushRoutesOptions): readonly EdgeRoute[] {
  const common = {
    method: 'POST',
    requestBody: { content: { '*/*': { schema: {} } } },
    responses: {
      '200': {
        description: 'It is with the sessions that have taken it: some, all, or none.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Pushed' } } },
      },
    },
    errors: [400, 401, 403, 404, 408, 413, 429, 503],
    serve: (asked: EdgeRequest) => options.pushes.counted(() => push(asked, options)),
  } as const;
  return [
    {
      ...common,
      path: '/v1/clients/{client}/messages',
      operationId: 'pushToClient',
      summary: 'Push a message to all sessions of a client',
      description:
        'To each session of the client that is open on this gateway, attached or waiting for its client, under its overflow policy. Sent again it arrives again: a push has no idempotency key.',
      parameters: [CLIENT, ...FILTER, ...CALLER, ...MESSAGE_HEADERS],
    },
    {
      ...common,
      path: '/v1/clients/{client}/sessions/{session}/messages',
      operationId: 'pushToSession',
      summary: 'Push a message to one session',
      description: 'As to all sessions of the client, but to this one alone.',
      parameters: [CLIENT, SESSION, ...FILTER, ...CALLER, ...MESSAGE_HEADERS],
    },
  ];
}

async function push(asked: EdgeRequest, options: PushRoutesOptions): Promise<EdgeAnswer | undefined> {
  const { request, response, query, params, peer } = asked;
  const { pushes, queryToken } = options;
  if (request.headers['idempotency-key'] !== undefined) {
    throw invalid('a push takes no idempotency-key: sent again it arrives again');
  }
  const metadata = callMetadata(request, query, queryToken);
  const headers = messageHeaders(request.headers);
  const { client: clientId = '', session: sessionId } = params;
  const { route, subject } = query as Readonly<Record<string, string>>;
  const address: PushAddress = { clientId, sessionId, route, subject };
  const identity = await pushes.identify(metadata, peer);
  pushes.refuseHopeless(identity, address);
  return pushes.inPlace(identity, peer.peer, async (underWay) => {
    const data = await wholeBody(asked, underWay, options);
    if (data === undefined) return undefined;
    const held = new HeldBytes(underWay);
    held.set(data.length);
    try {
      const message = { data, ...headers };
      const rates = await unlessGone(response, underWay, (gone) => pushes.admit(underWay, message, gone));
      if (rates === undefined) return undefined;
      const outcome = await pushes.push(underWay, address, message);
      return { headers: rateHeaders(rates), body: pushed(outcome) };
    } finally {
      held.set(0);
    }
  });
}

/** Undefined: it broke off, and nobody waits for an answer. Rejects with what has ended the push. */
function wholeBody(
  { request, response }: EdgeRequest,
  underWay: PushUnderWay,
  { maxMessageBytes }: PushRoutesOptions,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    // Who is calling took time to find out: they may have gone since, and nothing would say so again.
    if (response.destroyed) {
      resolve(undefined);
      return;
    }
    const body = new BodyReader({
      request,
      response,
      account: underWay,
      maxBytes: maxMessageBytes,
      onWhole: () => {
        resolve(body.take());
      },
      onTooLarge: reject,
    });
    response.once('close', () => {
      body.letGo();
      resolve(undefined);
    });
    onAbort(underWay.signal, () => {
      body.letGo();
      reject(underWay.signal.reason as Error);
    });
    // 'close' follows.
    request.on('error', () => undefined);
    body.start();
  });
}

/** Undefined: the caller has left while a rate limit held it. Rejects with what has ended the push. */
async function unlessGone(
  response: ServerResponse,
  { signal }: PushUnderWay,
  admit: (gone: AbortSignal) => Promise<readonly RateFigures[]>,
): Promise<readonly RateFigures[] | undefined> {
  const gone = linkAbort(signal);
  const onClose = (): void => {
    gone.abort(undefined);
  };
  response.once('close', onClose);
  try {
    return await admit(gone.signal);
  } catch (error) {
    if (gone.signal.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    response.off('close', onClose);
    gone.unlink();
  }
}

function pushed({ sent, failed }: PushOutcome): object {
  return {
    sent,
    failed: failed.map(({ session, error }) => ({
      session: session.sessionId,
      route: session.route,
      ...errorBody(
        error instanceof SluiceError
          ? error
          : new SluiceError('INTERNAL', 'a fault of the gateway; its log says more'),
      ).error,
    })),
  };
}

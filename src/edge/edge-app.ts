import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';
import type { Peer } from './caller.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import type { EdgeOptions } from './edge-options.js';
import type { EdgeRequest, EdgeRoute } from './edge-route.js';
import { edgeRoutes, type EdgeParts } from './edge-routes.js';
import { unmetExpectation } from './expectation.js';
import { answerAndClose, hasUnreadBody } from './lingering-answer.js';
import type { OriginPolicy } from './origin-policy.js';
import { querySchema } from './parameters.js';
import { errorBody, errorHeaders, invalid, Refusal, StreamRefusal } from './refusal.js';
import { requestOrigin } from './request-origin.js';
import type { UpgradeHandler } from './upgrade-handler.js';

export interface EdgeAppOptions extends EdgeOptions {
  readonly parts: EdgeParts;
  readonly policy: OriginPolicy;
  readonly isDraining: () => boolean;
  readonly peerOf: (request: IncomingMessage) => Peer;
  /** Makes the server that calls the handler. */
  readonly serve: (handler: (request: IncomingMessage, response: ServerResponse) => void) => Server;
  readonly onParserError: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

export interface EdgeApp {
  close(): Promise<unknown>;
}

/** The longest part of a path that is looked at: a client ID of 128 characters, each twelve when percent-encoded. */
const MAX_PARAMETER_LENGTH = 128 * 12;
/** Who may not, or not now. All else is a mistake in the request, which is its sender's affair. */
const NOT_LET_IN: ReadonlySet<number> = new Set([401, 403, 429, 503]);

/** The routes on fastify: what it finds and checks, what it is allowed to say, and how a fault is told. */
export async function createEdgeApp(options: EdgeAppOptions): Promise<EdgeApp> {
  const { parts, policy } = options;
  // A gateway without an edge does without loading it.
  const { fastify } = await import('fastify');
  const app = fastify({
    logger: false,
    serverFactory: options.serve,
    clientErrorHandler: options.onParserError,
    bodyLimit: options.maxMessageBytes,
    requestTimeout: options.requestTimeoutMs,
    // By the handlers: fastify would answer in words of its own.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: {
      // A slash at the end, or two together, belong to a topic's name.
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
      caseSensitive: true,
      maxParamLength: MAX_PARAMETER_LENGTH,
    },
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false, allErrors: false } },
    frameworkErrors: (error, request, reply) => {
      refuse(error, request, reply);
    },
  });
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const refusal = asRefusal(error, options);
    if (NOT_LET_IN.has(refusal.status) && !(refusal instanceof StreamRefusal)) {
      options.onRefused?.(refusal.error, options.peerOf(request.raw).peer);
    }
    const headers = {
      ...headersOf(request.raw, options),
      ...errorHeaders(refusal),
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    };
    const body = JSON.stringify(errorBody(refusal.error));
    if (hasUnreadBody(request.raw)) {
      reply.hijack();
      answerAndClose(options.clock, request.raw, reply.raw, refusal.status, headers, body);
      return;
    }
    void reply.code(refusal.status).headers(headers).send(body);
  };
  // A body is read by who wants it, whatever it is.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(null);
  });
  app.addHook('onRequest', (request, reply, done) => {
    // RFC 9112 section 3.2.
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      done(invalid('header host is missing'));
      return;
    }
    const refused = policy.refusal(requestOrigin(request.raw)) ?? unmetExpectation(request.raw);
    if (refused === undefined) reply.headers(headersOf(request.raw, options));
    done(refused);
  });
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) => {
    refuse(notFound(request.raw, parts.upgrades), request, reply);
  });
  const routes = edgeRoutes({
    ...options,
    parts,
    headersFor: ({ request }) => headersOf(request, options),
  });
  for (const [pattern, served] of byPattern(routes)) addRoutes(app, pattern, served, options);
  await app.ready();
  return app;
}

function byPattern(routes: readonly EdgeRoute[]): ReadonlyMap<string, readonly EdgeRoute[]> {
  const patterns = new Map<string, EdgeRoute[]>();
  for (const route of routes) {
    const pattern = route.pattern ?? route.path.replace(/\{(\w+)\}/g, ':$1');
    patterns.set(pattern, [...(patterns.get(pattern) ?? []), route]);
  }
  return patterns;
}

/** All methods of one path: those that are served, HEAD and OPTIONS where they mean something, and 405 for the rest. */
function addRoutes(
  app: FastifyInstance,
  pattern: string,
  routes: readonly EdgeRoute[],
  options: EdgeAppOptions,
): void {
  const allowed: string[] = routes.map(({ method }) => method);
  for (const route of routes) {
    // An event stream has no end to be asked for without it.
    const withHead = route.method === 'GET' && isJson(route);
    if (withHead) allowed.push('HEAD');
    app.route({
      method: withHead ? ['GET', 'HEAD'] : route.method,
      url: pattern,
      schema: { querystring: querySchema(route.parameters) },
      handler: (request, reply) => serve(route, request, reply, options),
    });
  }
  allowed.push('OPTIONS');
  const allow = allowed.join(', ');
  app.route({
    method: 'OPTIONS',
    url: pattern,
    handler: (request, reply) =>
      reply
        .code(204)
        .headers({ allow, ...preflightHeaders(request.raw, allowed) })
        .send(),
  });
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url: pattern,
    // Before its body is looked at, which for some methods has to be of a type.
    onRequest: ({ method }, _reply, done) => {
      const error = new SluiceError('UNKNOWN_METHOD', `${method} is not served here: ${allow} are`);
      done(new Refusal(error, 405, { allow }));
    },
    handler: (_request, reply) => reply.send(),
  });
}

function isJson({ responses }: EdgeRoute): boolean {
  const content = responses['200']?.['content'];
  return typeof content === 'object' && content !== null && 'application/json' in content;
}

async function serve(
  route: EdgeRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  { peerOf, isDraining }: EdgeAppOptions,
): Promise<FastifyReply> {
  const { raw } = request;
  const asked: EdgeRequest = {
    request: raw,
    response: reply.raw,
    peer: peerOf(raw),
    params: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
  };
  const answer = await route.serve(asked);
  // It is its own affair, or nobody is left to be answered.
  if (answer === undefined) return reply.hijack();
  return reply
    .code(answer.status ?? 200)
    .headers({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...answer.headers,
      // Since it was asked, it may have begun to leave.
      ...(isDraining() && { connection: 'close' }),
    })
    .send(Buffer.isBuffer(answer.body) ? answer.body : `${JSON.stringify(answer.body)}\n`);
}

/** Of every answer. */
function headersOf(
  request: IncomingMessage,
  { policy, isDraining }: EdgeAppOptions,
): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    ...corsHeaders(request, policy),
    ...(isDraining() && { connection: 'close' }),
  };
}

function notFound({ url = '', method = '' }: IncomingMessage, upgrades: UpgradeHandler | undefined): Refusal {
  const path = url.split('?', 1)[0] ?? '';
  if (upgrades?.serves(path) === true) {
    // RFC 9110 section 15.5.22. Mostly a proxy's doing, which its operator would look for elsewhere.
    return invalid(
      `${quoted(path)} is for WebSockets: a GET that asks for an upgrade; a proxy in between has to pass the headers Upgrade and Connection on`,
      426,
      { upgrade: 'websocket', connection: 'upgrade' },
    );
  }
  return new Refusal(
    new SluiceError(
      'UNKNOWN_METHOD',
      `there is nothing at ${method} ${quoted(path)}; /v1/openapi.json lists what there is`,
    ),
  );
}

function asRefusal(error: unknown, { logger }: EdgeAppOptions): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof SluiceError) return new Refusal(error);
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    // Of the router, or of the query's schema: what the client has written wrong.
    if (error.statusCode < 500) return invalid(error.message, error.statusCode);
  }
  logger.error({ err: error }, 'a fault ended a request');
  return new Refusal(
    new SluiceError('INTERNAL', 'a fault of the gateway ended the request; its log says more'),
  );
}

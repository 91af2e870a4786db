import { authConflicts, authWarnings } from './auth-checks.js';
import { balancerConflicts, balancerWarnings } from './balancer-checks.js';
import type { Conflict, CrossCheckContext } from './conflict.js';
import { nearest } from './nearest.js';
import { proxyConflicts } from './proxy-checks.js';
import { rateLimitConflicts } from './rate-limit-checks.js';
import { routeOptionConflicts } from './route-checks.js';
import type { Config } from './schema.js';
import { topicConflicts } from './topic-checks.js';
import { upstreamConflicts } from './upstream-checks.js';

/**
 * Checks the whole. A limit that is merely out of reach is a mistake only where
 * neither side is a default: lowering one limit should not mean lowering all.
 */
export function* crossChecks(config: Config, context: CrossCheckContext): Generator<Conflict> {
  yield* tlsConflicts(config.server.tls);
  yield* addressConflicts(config);
  yield* routeConflicts(config, context);
  yield* routeOptionConflicts(config, context);
  yield* upstreamConflicts(config, context);
  yield* proxyConflicts(config, context);
  yield* rateLimitConflicts(config, context);
  yield* topicConflicts(config, context);
  yield* timeConflicts(config, context);
  yield* resumeConflicts(config, context);
  yield* limitConflicts(config, context);
  yield* authConflicts(config, context);
  yield* balancerConflicts(config);
}

/** What works, but perhaps not as its writer thinks. */
export function* crossWarnings(config: Config, context: CrossCheckContext): Generator<Conflict> {
  yield* authWarnings(config, context);
  yield* balancerWarnings(config, context);
  yield* reachWarnings(config, context);
}

function* reachWarnings({ server, pool }: Config, context: CrossCheckContext): Generator<Conflict> {
  const keys = ['pool.maxConnections', 'server.maxSockets'] as const;
  // Whoever set both knows clients that bring many streams over one network connection.
  if (pool.maxConnections <= server.maxSockets || !keys.some((key) => context.isDefault(key))) return;
  const sockets = String(server.maxSockets);
  yield {
    keys,
    reason: `more than ${context.show(keys[1])}; network connections over ${sockets} are closed unanswered, so clients with one each are dropped there, before the limit that tells them CONNECTION_LIMIT and when to try again`,
  };
}

function* tlsConflicts(tls: Config['server']['tls']): Generator<Conflict> {
  const certificate = 'server.tls.certificateFile';
  const key = 'server.tls.keyFile';
  const clientCa = 'server.tls.clientCaFile';
  const require = 'server.tls.requireClientCertificate';
  if (tls.certificateFile !== '' && tls.keyFile === '') {
    yield { keys: [certificate, key], reason: `it needs ${key} too` };
  }
  if (tls.certificateFile === '' && tls.keyFile !== '') {
    yield { keys: [key, certificate], reason: `it needs ${certificate} too` };
  }
  if (tls.clientCaFile !== '' && tls.certificateFile === '') {
    yield {
      keys: [clientCa, certificate],
      reason: `without ${certificate} there is no TLS and nothing to check`,
    };
  }
  if (tls.requireClientCertificate && tls.clientCaFile === '') {
    yield { keys: [require, clientCa], reason: `it needs ${clientCa} too` };
  }
}

function* addressConflicts(config: Config): Generator<Conflict> {
  const { edge } = config;
  const { enabled, listen } = config.admin;
  const others = [
    ['server.listen', config.server.listen],
    ['admin.listen', enabled ? [listen] : []],
  ] as const;
  for (const [key, addresses] of others) {
    const taken = edge.listen.some((address) => !address.endsWith(':0') && addresses.includes(address));
    if (!edge.enabled || !taken) continue;
    yield { keys: ['edge.listen', key, 'edge.enabled'], reason: `${key} has the same address` };
  }
  if (enabled && !listen.endsWith(':0') && config.server.listen.includes(listen)) {
    yield {
      keys: ['admin.listen', 'server.listen', 'admin.enabled'],
      reason: 'server.listen has the same address',
    };
  }
}

function* routeConflicts({ defaultRoute }: Config, { namesIn }: CrossCheckContext): Generator<Conflict> {
  const names = namesIn('routes');
  if (names === undefined || names.includes(defaultRoute)) return;
  const meant = nearest(defaultRoute, names);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  // "routes" takes part only by its names: its own mistakes don't matter here.
  yield { keys: ['defaultRoute'], reason: `expected one of routes: ${listed(names)}${hint}` };
}

function* timeConflicts({ server, stream }: Config, { show }: CrossCheckContext): Generator<Conflict> {
  const { receiveTimeout, heartbeatInterval } = stream;
  if (receiveTimeout > 0 && heartbeatInterval > 0 && receiveTimeout <= heartbeatInterval) {
    const other = 'stream.heartbeatInterval';
    yield {
      keys: ['stream.receiveTimeout', other],
      reason: `expected more than ${show(other)}, or a client that beats on time is ended`,
    };
  }
  if (server.keepaliveInterval > 0 && server.keepaliveTimeout > server.keepaliveInterval) {
    const other = 'server.keepaliveInterval';
    yield { keys: ['server.keepaliveTimeout', other], reason: `expected at most ${show(other)}` };
  }
}

/** A way in which a connection is given up from which nothing comes. */
interface GivingUp {
  /** At the latest after so long a silence; 0 = this way is off. */
  readonly afterMs: number;
  /** Said of it in a message. */
  readonly what: string;
}

/**
 * A token is dead for a resume window. An Open that is under way for longer
 * would find nothing dead any more and put a new session in the place of a
 * later one (docs/protocol.md, D7 and D31). So a connection that delivers
 * nothing has to be given up sooner, before its first message and after it.
 * One way is enough: the soonest counts.
 */
function* resumeConflicts(
  { server, stream, session, health }: Config,
  { show }: CrossCheckContext,
): Generator<Conflict> {
  const receiveTimeout = 'stream.receiveTimeout';
  const firstMessage = 'stream.firstMessageTimeout';
  const keepalive: GivingUp = {
    // Bytes just after a look at the connection are seen at the next one: two intervals pass before the ping.
    afterMs: server.keepaliveInterval === 0 ? 0 : 2 * server.keepaliveInterval + server.keepaliveTimeout,
    what: `twice ${show('server.keepaliveInterval')} and ${show('server.keepaliveTimeout')}`,
  };
  const probe: GivingUp = {
    afterMs:
      health.interval === 0
        ? 0
        : health.maxInactivity + health.interval + health.probeQueueTimeout + health.probeAnswerTimeout,
    what: `${show('health.maxInactivity')}, ${show('health.interval')}, ${show('health.probeQueueTimeout')} and ${show('health.probeAnswerTimeout')} together`,
  };
  const stages = [
    { key: receiveTimeout, afterMs: stream.receiveTimeout },
    { key: firstMessage, afterMs: stream.firstMessageTimeout },
  ].map(({ key, afterMs }) => soonest([{ afterMs, what: show(key) }, keepalive, probe]));
  const keys = [
    'session.resumeWindow',
    receiveTimeout,
    firstMessage,
    'server.keepaliveInterval',
    'server.keepaliveTimeout',
    'health.interval',
    'health.maxInactivity',
    'health.probeQueueTimeout',
    'health.probeAnswerTimeout',
  ] as const;
  if (stages.includes(undefined)) {
    yield {
      keys,
      reason: `it needs server.keepaliveInterval, health.interval, or both ${receiveTimeout} and ${firstMessage}: nothing else gives up a dead connection before a resume window is over`,
    };
    return;
  }
  const latest = stages.reduce((a, b) => ((a?.afterMs ?? 0) >= (b?.afterMs ?? 0) ? a : b));
  if (latest === undefined || latest.afterMs < session.resumeWindow) return;
  yield {
    keys,
    reason: `expected more than ${latest.what}, or what a dead connection still brings could replace a later session`,
  };
}

function soonest(ways: readonly GivingUp[]): GivingUp | undefined {
  const on = ways.filter(({ afterMs }) => afterMs > 0).sort((a, b) => a.afterMs - b.afterMs);
  return on[0];
}

function* limitConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  const { server, pool, session, stream, memory, auth } = config;
  const ordered: readonly (readonly [smallKey: string, small: number, largeKey: string, large: number])[] = [
    [
      'pool.maxConnectionsPerClient',
      pool.maxConnectionsPerClient,
      'pool.maxConnections',
      pool.maxConnections,
    ],
    ['session.maxPerConnection', session.maxPerConnection, 'session.maxPerClient', session.maxPerClient],
    ['session.maxPerClient', session.maxPerClient, 'session.max', session.max],
    ['session.maxDetached', session.maxDetached, 'session.max', session.max],
    ['session.maxEndedPerClient', session.maxEndedPerClient, 'session.maxEnded', session.maxEnded],
    [
      'session.windowMessages',
      session.windowMessages,
      'session.maxWindowMessages',
      session.maxWindowMessages,
    ],
    ['session.windowSize', session.windowSize, 'session.maxWindowSize', session.maxWindowSize],
    ['session.maxPayloadSize', session.maxPayloadSize, 'session.windowSize', session.windowSize],
    ['session.maxWindowSize', session.maxWindowSize, 'session.maxDetachedSize', session.maxDetachedSize],
    ['session.waitingSize', session.waitingSize, 'session.maxDetachedSize', session.maxDetachedSize],
    ['session.maxDetachedSize', session.maxDetachedSize, 'memory.budget', memory.budget || Infinity],
    ['session.windowSize', session.windowSize, 'memory.budget', memory.budget || Infinity],
    ['session.waitingSize', session.waitingSize, 'memory.budget', memory.budget || Infinity],
    ['server.maxMessageSize', server.maxMessageSize, 'memory.budget', memory.budget || Infinity],
    ['server.streamWindow', server.streamWindow, 'server.connectionWindow', server.connectionWindow],
    ['stream.sendBufferSize', stream.sendBufferSize, 'stream.sendQueueSize', stream.sendQueueSize],
    ['stream.flowControlDelay', stream.flowControlDelay, 'stream.sendTimeout', stream.sendTimeout],
    ['auth.expiryNotice', auth.expiryNotice, 'auth.maxTokenLifetime', auth.maxTokenLifetime],
    ['auth.callout.timeout', auth.callout.timeout, 'auth.identifyTimeout', auth.identifyTimeout],
    ['auth.jwt.jwksTimeout', auth.jwt.jwksTimeout, 'auth.identifyTimeout', auth.identifyTimeout],
    ['auth.jwt.jwksCooldown', auth.jwt.jwksCooldown, 'auth.jwt.jwksMaxAge', auth.jwt.jwksMaxAge],
  ];
  for (const [smallKey, small, largeKey, large] of ordered) {
    if (small <= large || context.isDefault(smallKey) || context.isDefault(largeKey)) continue;
    yield { keys: [smallKey, largeKey], reason: `expected at most ${context.show(largeKey)}` };
  }
  const keys = ['pool.maxConnections', 'server.maxSockets', 'server.maxConcurrentStreams'] as const;
  const reachable = server.maxSockets * server.maxConcurrentStreams;
  if (pool.maxConnections > reachable && !keys.slice(0, 2).some((key) => context.isDefault(key))) {
    const reason = `expected at most ${String(reachable)}: ${context.show(keys[1])} times ${context.show(keys[2])}`;
    yield { keys, reason };
  }
}

/** Names for a message, the first of them where there are many. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown}, …` : shown;
}

import type { ErrorCode } from './errors.js';

export interface ErrorNote {
  /** The configuration keys that move the limit, where there are such. */
  readonly setting?: string;
  /** What has happened, for whoever reads the page of errors; an error's own message names the values. */
  readonly meaning: string;
}

/** What people want to know of an error: apart from the catalogue, which a browser loads, too. */
export const errorNotes: Readonly<Record<ErrorCode, ErrorNote>> = {
  CONNECTION_LIMIT: {
    setting: 'pool.maxConnections',
    meaning:
      'The gateway holds as many connections as it may; or as many whose client is not known yet (auth.maxUnidentified), or its HTTP address as many network connections (edge.maxSockets), as the message says.',
  },
  CLIENT_LIMIT: {
    setting: 'pool.maxConnectionsPerClient, pool.maxPublishesPerClient',
    meaning:
      'This client ID holds as many connections as one client may, or has as many calls of Publish, or pushes, under way.',
  },
  SESSION_LIMIT: {
    setting: 'session.maxPerConnection, session.maxPerClient, session.max, routes.<name>.maxSessions',
    meaning: 'The connection, the client, the route or the gateway holds as many sessions as it may.',
  },
  CALL_LIMIT: {
    setting: 'proxies.<name>.maxCalls, proxies.<name>.maxCallsPerClient',
    meaning: 'The proxy has as many calls under way as it may, or this client has with it.',
  },
  TOPIC_LIMIT: {
    setting: 'routes',
    meaning:
      'The route holds as many topics as it may (maxTopics), or the topic as many subscribers (maxSubscribers).',
  },
  MESSAGE_TOO_LARGE: {
    setting:
      'server.maxMessageSize, session.maxPayloadSize, routes.<name>.maxMessageSize, proxies.<name>.maxMessageSize',
    meaning:
      'A message, compressed or inflated, is larger than the gateway takes or sends, which ends the connection; or a payload of several messages is, which ends its session; or one is larger than its route takes, which fails that message, or than its proxy passes on, which ends that call.',
  },
  RATE_LIMITED: {
    setting:
      'rateLimits.<name>.messages, rateLimits.<name>.bytes, rateLimits.<name>.opens, rateLimits.<name>.queue, rateLimits.<name>.maxDelay, auth.failures.burst, auth.failures.perSecond',
    meaning:
      'More was sent, or opened, than a rate limit allows: that message, call or session is refused, all else goes on; the message names the limit. Or too many attempts to come in have failed from there, which ends the connection.',
  },
  OVERLOADED: {
    setting: 'memory.budget, memory.shedAfter, pool.maxPublishes',
    meaning:
      'The gateway holds more than its budget of memory: the costliest connections and sessions are ended to protect the others. Or more sends of a route wait than the queue holds, or more calls of Publish, or pushes, are under way than may.',
  },
  SLOW_CONSUMER: {
    setting:
      'stream.sendTimeout, stream.sendQueueMessages, stream.sendQueueSize, session.resumeWindow, session.waitingMessages, session.waitingSize',
    meaning:
      'The client did not take what was sent to it in time, which ends the connection; or a session waited for its acks to be closed, or its policy is disconnect, which ends the session; or a subscriber held its publishers for too long.',
  },
  RECEIVE_TIMEOUT: {
    setting: 'stream.receiveTimeout, stream.firstMessageTimeout, edge.headersTimeout, edge.requestTimeout',
    meaning:
      'The client promised to be heard from, by a heartbeat or an open session, and was not; or it never sent a first message; or a request over HTTP, or a publication, did not come whole in time.',
  },
  SEND_TIMEOUT: {
    setting: 'stream.sendTimeout',
    meaning: 'A message found no place in the send queue in time.',
  },
  CALL_IDLE: {
    setting: 'proxies.<name>.idleTimeout',
    meaning: 'No byte of a call that is passed on went either way for so long that it was ended.',
  },
  STALE: {
    setting: 'health.maxInactivity, health.probeAnswerTimeout',
    meaning: 'The connection was silent for long and did not answer a health check.',
  },
  UNAUTHENTICATED: {
    setting: 'auth.methods',
    meaning:
      'The gateway does not know who is calling: nothing was shown, or what was shown does not hold, or it was revoked.',
  },
  TOKEN_EXPIRED: {
    setting: 'auth.expiryGrace',
    meaning:
      'The token (or the client certificate) has expired, and no fresh one came in time; connect again with one.',
  },
  AUTH_UNAVAILABLE: {
    setting: 'auth.jwt.jwksUrl, auth.callout.url, auth.identifyTimeout',
    meaning:
      'Who is calling, or what they may do, can not be told now: the keys or the authorization service can not be reached.',
  },
  PERMISSION_DENIED: {
    setting: 'auth.classes, auth.callout.url, edge.origins',
    meaning:
      'The caller may not do this; the message names the permission that is missing. Or the page is of an origin that may not come.',
  },
  UNKNOWN_ROUTE: {
    setting: 'routes',
    meaning: 'No route of this name is configured.',
  },
  UNKNOWN_SESSION: {
    meaning:
      'A push found no open session of this client on this gateway, or none that its caller may push to; on another gateway there may be some.',
  },
  UNKNOWN_METHOD: {
    setting: 'proxies.<name>.services, proxies.<name>.proto',
    meaning:
      'No service of this name is passed on, or it has no such method; over HTTP, nothing is at this path, or the method is not served there. The message names what there is.',
  },
  INVALID_MESSAGE: {
    meaning: 'What arrived is not a message of the protocol, or not one that may come now.',
  },
  SEQUENCE_GAP: {
    meaning: 'A sequence was left out: each follows the one before it by 1.',
  },
  WINDOW_EXCEEDED: {
    setting: 'session.windowMessages, session.windowSize',
    meaning: 'More was in flight than the granted window allows.',
  },
  SESSION_IN_USE: {
    meaning: 'The session is attached to another connection.',
  },
  SESSION_EXPIRED: {
    setting: 'session.idleTimeout, session.resumeWindow, session.maxDetached, session.maxDetachedSize',
    meaning:
      'The session was idle for so long that it was ended, or waited for its client longer than it may, or made room for others that wait.',
  },
  RESUME_EXPIRED: {
    meaning:
      'The reason of a Gap: what the client says it has not received was acknowledged, and is no longer held.',
  },
  STREAM_LIMIT: {
    setting: 'server.maxStreamAge, server.maxStreamMessages, server.maxStreamBytes, server.maxConnectionAge',
    meaning: 'The connection reached the age, the messages or the bytes that one may have; connect again.',
  },
  DRAINING: {
    setting: 'server.drainGrace',
    meaning: 'The gateway is leaving; connect again, to another if there is one.',
  },
  TAKEN_OVER: {
    meaning: 'A newer connection of the same client has taken the session.',
  },
  ROUTE_FAILED: {
    meaning: 'The route failed on this message; the session goes on.',
  },
  ROUTE_TIMEOUT: {
    setting: 'routes.<name>.timeout',
    meaning:
      'The route has not finished with this message in time; the session goes on. Whether it was handled is not known.',
  },
  UPSTREAM_UNAVAILABLE: {
    meaning: 'The service behind the route, or the proxy, can not be reached.',
  },
  INTERNAL: {
    meaning: 'A fault of the gateway itself; its log says more.',
  },
};

import type { IncomingMessage } from 'node:http';
import { overLoopback } from './loopback.js';
import type { RequestOrigin } from './origin-policy.js';

/** Where a request comes from, for the policy. */
export function requestOrigin({ method, headers, socket }: IncomingMessage): RequestOrigin {
  const { origin, host, authorization } = headers;
  return {
    origin,
    host,
    overLoopback: overLoopback(socket),
    mayHideOrigin: (method === 'GET' || method === 'HEAD') && authorization === undefined,
  };
}

import type { Route } from '../session/route.js';

/** Sends every message back: data, key and metadata as they came. */
export function echoRoute(): Route {
  return {
    kind: 'echo',
    open: (session) => ({ handle: (message) => session.send(message) }),
  };
}

import type { Route, RouteSession } from '../../src/index.js';

/** Takes everything, answers nothing. */
const sink: Route = { kind: 'sink', open: () => ({ handle: () => undefined }) };

/** The routes that a benchmark needs besides echo, by name; their subscribers are theirs alone. */
export function benchRoutes(): Readonly<Record<string, Route>> {
  const subscribers = new Set<RouteSession>();
  return {
    sink,
    // A session of this is a subscriber; what it sends is ignored.
    'fanout-out': {
      kind: 'fanout-out',
      open(session) {
        subscribers.add(session);
        return {
          handle: () => undefined,
          closed: () => void subscribers.delete(session),
        };
      },
    },
    // Each message goes to every subscriber, and is done when all have taken it.
    'fanout-in': {
      kind: 'fanout-in',
      open: () => ({ handle: ({ data }) => publish(subscribers, data) }),
    },
  };
}

function publish(subscribers: Iterable<RouteSession>, view: Uint8Array): undefined | Promise<void> {
  // A copy of its own, the only one: subscribers that have to keep it share it.
  const message = { data: new Uint8Array(view) };
  let waiting: Promise<void>[] | undefined;
  for (const subscriber of subscribers) {
    const taken = subscriber.send(message);
    if (taken !== undefined) (waiting ??= []).push(taken);
  }
  // One that leaves while it is waited for is no failure of the others.
  return waiting === undefined ? undefined : Promise.allSettled(waiting).then(() => undefined);
}

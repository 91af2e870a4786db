/**
 * The gateway as built, with the routes that a benchmark needs besides echo. Flags, environment and the rest are
 * the gateway's own.
 */
import type * as sluice from '../../src/index.js';

// Types of the source, code of the build: what is measured is what is shipped.
const built = new URL('../../dist/index.js', import.meta.url).href;
const { runGateway } = (await import(built)) as typeof sluice;

const subscribers = new Set<sluice.RouteSession>();

/** Takes everything, answers nothing. */
const sink: sluice.Route = { kind: 'sink', open: () => ({ handle: () => undefined }) };

/** A session of this is a subscriber. */
const fanoutOut: sluice.Route = {
  kind: 'fanout-out',
  open(session) {
    subscribers.add(session);
    return {
      handle: () => undefined,
      closed: () => void subscribers.delete(session),
    };
  },
};

/** Each message goes to every subscriber, and is done when all have taken it. */
const fanoutIn: sluice.Route = {
  kind: 'fanout-in',
  open: () => ({
    handle(message) {
      // A copy of its own, the only one: subscribers that have to keep it share it.
      const publication = { data: new Uint8Array(message.data) };
      let waiting: Promise<void>[] | undefined;
      for (const subscriber of subscribers) {
        const taken = subscriber.send(publication);
        if (taken !== undefined) (waiting ??= []).push(taken);
      }
      // One that leaves while it is waited for is no failure of the others.
      if (waiting !== undefined) return Promise.allSettled(waiting).then(() => undefined);
    },
  }),
};

process.exitCode = await runGateway({
  routes: { sink, 'fanout-out': fanoutOut, 'fanout-in': fanoutIn },
});

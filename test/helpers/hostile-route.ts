/** A route that does at random whatever the types, or JavaScript, let it do. */
import { SluiceError } from '../../src/core/errors.js';
import type { Route, RouteHandler, RouteMessage, RouteSession } from '../../src/session/route.js';

export interface HostileRoute extends Route {
  /** Handlers that were made and not told that their session is over. */
  readonly untold: number;
}

const MESSAGES: readonly RouteMessage[] = [
  {},
  { data: new Uint8Array(10), more: true },
  { data: new Uint8Array(3_000), key: 'k', ttlMs: 1 },
  { key: '\ud800', metadata: new Map([['\udfff', '\u0000']]) },
  { data: new Uint8Array(200_000), ttlMs: 2 ** 32 - 1 },
  { data: 'text' as unknown as Uint8Array },
];

export function hostileRoute(random: () => number): HostileRoute {
  const sessions = new Set<RouteSession>();
  const live = new Set<object>();
  const chance = (share: number): boolean => random() < share;
  const one = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;

  /** One thing, to any session there ever was. */
  function act(session: RouteSession): void {
    one<() => unknown>([
      () => session.send(one(MESSAGES)),
      () => {
        // Not awaited.
        for (let n = 0; n < 50; n += 1) void session.send(one(MESSAGES));
      },
      () => {
        for (const other of sessions) if (chance(0.2)) void other.send(one(MESSAGES));
      },
      () => {
        session.end('e'.repeat(1_000));
      },
      () => {
        one([...sessions]).end();
      },
      () => {
        session.signal.addEventListener('abort', () => {
          // What a listener throws is the process's: it would be no test of the gateway.
          expectThrow(() => session.send({}));
        });
      },
      () => session.recent.length,
      () => {
        // JavaScript throws anything.
        throw one([
          ...[new Error('x'), new SluiceError('RATE_LIMITED', 'x', { retryAfterMs: 1 })],
          ...([undefined, 5] as unknown as Error[]),
        ]);
      },
    ])();
  }

  function result(session: RouteSession): unknown {
    const failure = one([new Error('late'), undefined as unknown as Error]);
    return one<() => unknown>([
      ...new Array<() => unknown>(8).fill(() => session.send(one(MESSAGES))),
      () => undefined,
      () => Promise.resolve(),
      () => Promise.reject(failure),
      () => new Promise((resolve) => setImmediate(resolve)),
      () => ({
        then(done: () => void, failed: (error: unknown) => void) {
          done();
          failed(failure);
          throw new Error('from then');
        },
      }),
      async () => {
        await session.send(one(MESSAGES));
        if (chance(0.2)) act(session);
      },
    ])();
  }

  return {
    kind: 'hostile',
    get untold() {
      return live.size;
    },
    get wantsWhole() {
      return chance(0.5);
    },
    wantsRecent: true,
    open(session) {
      sessions.add(session);
      if (sessions.size > 50) sessions.delete(one([...sessions]));
      if (chance(0.1)) act(session);
      const handler = {
        handle: () => {
          if (chance(0.1)) act(session);
          return result(session);
        },
        closed: () => {
          if (!live.delete(handler)) throw new Error('told twice');
          if (chance(0.3)) act(session);
          return chance(0.3) ? Promise.reject(new Error('closed')) : undefined;
        },
      };
      live.add(handler);
      return handler as RouteHandler;
    },
  };
}

function expectThrow(action: () => unknown): void {
  try {
    action();
  } catch {
    return;
  }
  throw new Error('a session that is over took a message');
}

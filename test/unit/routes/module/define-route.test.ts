import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import { defineRoute } from '../../../../src/routes/module/define-route.js';
import type { RouteDefinition } from '../../../../src/routes/module/route-definition.js';
import { Timeout } from '../../../../src/routes/options/timeout.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { dataMessage } from '../../../../src/wire/messages.js';
import { FakeSession } from '../../../helpers/fake-session.js';
import { Held } from '../../../helpers/gate.js';
import { RecordingLogger } from '../../../helpers/recording-logger.js';

function world<State>(definition: RouteDefinition<State>) {
  const clock = new FakeClock({ immediates: 'run' });
  const logger = new RecordingLogger();
  const route = defineRoute(definition).within({ routeName: 'mine', options: { n: 3 }, logger, clock });
  return { clock, logger, route };
}

const open = <State>(definition: RouteDefinition<State>): FakeSession =>
  new FakeSession(world(definition).route);

/** Everything that is under way without time or input is done. */
const settle = async (): Promise<void> => {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
};

test.each([
  ['an object', (sum: number) => ({ sum })],
  ['a Map', (sum: number) => new Map([['sum', sum]])],
])('aggregates of an upload are numbers by name: %s', async (_, told) => {
  const session = open({
    open: () => ({ sum: 0 }),
    message({ text }, _session, state) {
      state.sum += Number(text);
    },
    aggregates: ({ sum }) => told(sum),
  });
  await session.handle('2');
  await session.handle('3');
  expect(session.handler.aggregates?.()).toEqual(new Map([['sum', 5]]));
});

describe('what message returns', () => {
  const bytes = new TextEncoder().encode('bytes');
  test.each<readonly [string, RouteDefinition['message'], readonly string[]]>([
    ['text', ({ text }) => text.toUpperCase(), ['HELLO']],
    ['bytes', () => bytes, ['bytes']],
    ['the message itself', (message) => message, ['hello']],
    ['an object', () => ({ data: 'x', metadata: { a: 'b' } }), ['x']],
    ['metadata alone', () => ({ metadata: { a: 'b' } }), ['']],
    ['a promise', async ({ text }) => Promise.resolve(text), ['hello']],
    ['a list', () => ['a', 'b'], ['a', 'b']],
    ['nothing', () => undefined, []],
    ['what send returned', (message, session) => session.send(message), ['hello']],
    [
      'a generator',
      function* () {
        yield 'a';
        yield { data: 'b' };
      },
      ['a', 'b'],
    ],
    [
      'an async generator',
      async function* ({ text }) {
        await Promise.resolve();
        yield text;
        yield 'b';
      },
      ['hello', 'b'],
    ],
  ])('%s is sent', async (_, message, sent) => {
    const session = open({ message });
    await session.handle('hello');
    expect(session.texts).toEqual(sent);
  });

  test('metadata, key and time to live go along', async () => {
    const session = open({ message: (message) => message });
    await session.handle('x', { key: 'k', ttlMs: 5, more: true, metadata: new Map([['a', 'b']]) });
    await session.handle('x');
    expect(session.sent).toEqual([
      { data: expect.anything() as unknown, key: 'k', ttlMs: 5, more: true, metadata: new Map([['a', 'b']]) },
      { data: expect.anything() as unknown, key: '', ttlMs: 0, more: false, metadata: undefined },
    ]);
  });

  test.each<readonly [string, () => unknown]>([
    ['the number 7', () => 7],
    ['an object', () => new Set(['a'])],
    ['an object', () => ({ ok: true })],
    ['null', () => null],
  ])('%s is nothing that can be sent', (name, message) => {
    const session = open({ message: message as RouteDefinition['message'] });
    expect(() => session.handle('x')).toThrow(`message returned ${name}:`);
    expect(session.sent).toEqual([]);
  });

  test('text that is none fails its message, for good', () => {
    const session = open({ message: ({ text }) => text });
    expect(() => session.handler.handle(dataMessage({ data: new Uint8Array([0xff]) }))).toThrow(
      expect.objectContaining({ code: 'INVALID_MESSAGE' }),
    );
  });
});

describe('a generator', () => {
  test('goes on when what it yielded was taken', async () => {
    const made: number[] = [];
    const session = open({
      *message() {
        for (let n = 0; n < 3; n += 1) {
          made.push(n);
          yield String(n);
        }
      },
    });
    session.slow = true;
    const handled = session.handle('go');
    await settle();
    expect(made).toEqual([0]);
    session.take();
    await settle();
    expect(made).toEqual([0, 1]);
    session.slow = false;
    session.take();
    await handled;
    expect(session.texts).toEqual(['0', '1', '2']);
  });

  test.each(['sync', 'async'] as const)(
    'that is %s is closed when its session ends while it waits',
    async (how) => {
      let closed = 0;
      const session = open({
        message:
          how === 'sync'
            ? function* () {
                try {
                  for (;;) yield 'x';
                } finally {
                  closed += 1;
                }
              }
            : async function* () {
                await Promise.resolve();
                try {
                  for (;;) yield 'x';
                } finally {
                  closed += 1;
                }
              },
      });
      session.slow = true;
      const handled = session.handle('go');
      await settle();
      session.close();
      await handled;
      expect([session.sent.length, closed]).toEqual([1, 1]);
    },
  );

  test('that never ends leaves room for everything else, where nothing makes it wait', async () => {
    let others = 0;
    const session = open({
      *message() {
        for (;;) yield 'x';
      },
    });
    const handled = session.handle('go');
    await new Promise<void>((resolve) => {
      const other = (): void => {
        others += 1;
        if (others === 3) resolve();
        else setImmediate(other);
      };
      setImmediate(other);
    });
    session.close();
    await handled;
    expect(session.sent.length).toBeGreaterThanOrEqual(64);
  });

  test('that throws fails its message after what it had sent', async () => {
    const session = open({
      *message() {
        yield 'a';
        throw new SluiceError('ROUTE_FAILED', 'half way');
      },
    });
    await expect(session.handle('go')).rejects.toThrow('half way');
    expect(session.texts).toEqual(['a']);
  });

  test('that returns what it should have yielded fails its message', async () => {
    const session = open({
      *message() {
        yield 'a';
        return 'b';
      },
    });
    await expect(session.handle('go')).rejects.toThrow('a generator returned "b"');
    expect(session.texts).toEqual(['a']);
  });

  test('that fails while it is closed disturbs nobody', async () => {
    const session = open({
      *message() {
        try {
          yield 'a';
        } finally {
          throw new Error('can not close');
        }
      },
    });
    session.slow = true;
    const handled = session.handle('go');
    session.close();
    await handled;
  });

  test('sends nothing any more when its message was given up', async () => {
    const held = new Held<void>();
    const { clock, route } = world({
      async *message({ signal }) {
        yield 'a';
        await held.promise;
        yield `given up: ${signal.aborted}`;
      },
    });
    const timeout = new Timeout(route, { name: 'mine', timeoutMs: 10, clock, counters: new RouteCounters() });
    const session = new FakeSession(timeout);
    const failed = expect(session.handle('go')).rejects.toMatchObject({ code: 'ROUTE_TIMEOUT' });
    await clock.advanceAsync(10);
    await failed;
    held.resolve();
    await settle();
    expect(session.texts).toEqual(['a']);
  });
});

describe('open and close', () => {
  test('what open returns is the state, and close gets it, once', () => {
    const closed: number[] = [];
    const session = open({
      open: ({ context }) => ({ n: Number(context.options['n']) }),
      message: (_message, { clientId, routeName, subject }, state) =>
        `${clientId} ${routeName}/${subject} ${state.n++}`,
      close: (state) => void closed.push(state.n),
    });
    void session.handle('a');
    void session.handle('b');
    session.close();
    expect(session.texts).toEqual(['ann mine/tea 3', 'ann mine/tea 4']);
    expect(closed).toEqual([5]);
  });

  test('an open that throws refuses the session', () => {
    const { route } = world({
      open() {
        throw new SluiceError('PERMISSION_DENIED', 'not you');
      },
      message: () => undefined,
    });
    expect(() => new FakeSession(route)).toThrow('not you');
  });

  test('messages wait for an open that is a promise', async () => {
    const state = new Held<string>();
    const session = open({ open: () => state.promise, message: (_message, _session, name) => name });
    const handled = session.handle('x');
    await settle();
    expect(session.texts).toEqual([]);
    state.resolve('ready');
    await handled;
    expect(session.texts).toEqual(['ready']);
  });

  test('where it is rejected the session ends, and its messages fail with why', async () => {
    const session = open({
      open: () => Promise.reject(new SluiceError('PERMISSION_DENIED', 'not you')),
      message: () => undefined,
    });
    await settle();
    expect(session.failed).toMatchObject({ code: 'PERMISSION_DENIED', message: 'not you' });
    await expect(session.handle('x')).rejects.toThrow('not you');
  });

  test('what opens after the session has ended is closed all the same', async () => {
    const state = new Held<string>();
    const closed: string[] = [];
    const session = open({
      open: () => state.promise,
      message: () => 'never',
      close: (name) => void closed.push(name),
    });
    const handled = session.handle('x');
    session.close();
    state.resolve('late');
    await handled;
    expect([closed, session.texts]).toEqual([['late'], []]);
  });

  test('what close fails with is logged', async () => {
    const { logger, route } = world({
      message: () => undefined,
      close: () => Promise.reject(new Error('oops')),
    });
    new FakeSession(route).close();
    await settle();
    expect(logger.lines).toMatchObject([
      { level: 'warn', message: 'close of a route failed', fields: { session: 'ann:s1' } },
    ]);
  });
});

test('a handler that returns after its session ended sends nothing, and nothing is rejected', async () => {
  const held = new Held<string>();
  const session = open({ message: () => held.promise });
  const handled = session.handle('x');
  session.close();
  held.resolve('too late');
  await handled;
  expect(session.sent).toEqual([]);
});

test("a SluiceError of another copy of the package is as good as one's own", () => {
  class SluiceErrorElsewhere extends Error {
    override readonly name = 'SluiceError';
    readonly code = 'PERMISSION_DENIED';
    readonly retryAfterMs = 7;
  }
  const session = open({
    message() {
      throw new SluiceErrorElsewhere('not you');
    },
  });
  let thrown: unknown;
  try {
    void session.handle('x');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SluiceError);
  expect(thrown).toMatchObject({ code: 'PERMISSION_DENIED', message: 'not you', retryAfterMs: 7 });
});

test('start and stop are told of the route', async () => {
  const calls: string[] = [];
  const { route } = world({
    start: ({ routeName }) => void calls.push(`start ${routeName}`),
    stop: ({ routeName }) => void calls.push(`stop ${routeName}`),
    message: () => undefined,
  });
  await route.start?.();
  route.stop?.();
  expect(calls).toEqual(['start mine', 'stop mine']);
});

test('recent messages can be read as text', () => {
  const session = open({
    wantsRecent: true,
    message: (_message, { recent }) => recent.map(({ text }) => text).join(),
  });
  session.recent = ['a', 'b'].map((text) => dataMessage({ data: Buffer.from(text) }));
  void session.handle('x');
  expect(session.texts).toEqual(['a,b']);
});

test.each<readonly [unknown, string]>([
  [{}, 'message is missing, not a function'],
  [{ message: 'x' }, 'message is "x", not a function'],
  [{ message: () => 1, open: 5 }, 'open is the number 5, not a function'],
  [{ message: () => 1, wantsWhole: 'yes' }, 'wantsWhole is "yes", not true or false'],
  [{ message: () => 1, overflow: 'drop' }, 'overflow is "drop", not one of block,'],
  [{ message: () => 1, allowedOverflow: ['block', 'x'] }, 'allowedOverflow is a list, not a list of some of'],
  [{ message: () => 1, middleware: [{}] }, 'middleware holds an object'],
  [{ message: () => 1, onMessage: () => 1 }, 'onMessage is no property of a route'],
  [undefined, 'it is missing, not what defineRoute returns'],
  [() => 1, 'it is a function'],
])('%o is no route: %s', (definition, says) => {
  expect(() => defineRoute(definition as RouteDefinition)).toThrow(says);
});

import { expect, test } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import {
  defineMiddleware,
  type MiddlewareDefinition,
} from '../../../../src/routes/middleware/define-middleware.js';
import { withMiddleware } from '../../../../src/routes/middleware/middleware.js';
import type { Route } from '../../../../src/session/route.js';
import { FakeSession } from '../../../helpers/fake-session.js';

function echo(calls: string[]): Route {
  return {
    kind: 'echo',
    open: (session) => {
      calls.push('open');
      return {
        handle: (message) => session.send({ data: message.data, key: message.key }),
        closed: () => void calls.push('close'),
      };
    },
  };
}

const around = (route: Route, ...definitions: readonly MiddlewareDefinition[]): Route =>
  withMiddleware(route, definitions.map(defineMiddleware), { name: 'mine' });

test('each goes on to the next, the first outermost, and hears of what comes back', async () => {
  const calls: string[] = [];
  const layer = (name: string): MiddlewareDefinition => ({
    open(session, next) {
      calls.push(`${name} opens ${session.routeName}`);
      next();
    },
    async message({ text }, _session, next) {
      calls.push(`${name} ${text}`);
      await next();
      calls.push(`${name} done`);
    },
    close: () => void calls.push(`${name} closes`),
  });
  const session = new FakeSession(around(echo(calls), layer('a'), layer('b')));
  await session.handle('x');
  session.close();
  expect(session.texts).toEqual(['x']);
  expect(calls).toEqual([
    ...['a opens mine', 'b opens mine', 'open', 'a x', 'b x', 'b done', 'a done'],
    ...['a closes', 'b closes', 'close'],
  ]);
});

test('a message may be changed, kept from the route, or failed', () => {
  const session = new FakeSession(
    around(echo([]), {
      message({ text }, _session, next) {
        if (text === 'drop') return undefined;
        if (text === 'fail') throw new SluiceError('PERMISSION_DENIED', 'no');
        return next({ data: text.toUpperCase() });
      },
    }),
  );
  expect(session.handle('drop')).toBeUndefined();
  expect(() => session.handle('fail')).toThrow('no');
  expect(session.handle('hello', { key: 'k' })).toBeUndefined();
  expect(session.sent).toEqual([{ data: new TextEncoder().encode('HELLO'), key: 'k' }]);
});

test('next is called once', () => {
  const session = new FakeSession(
    around(echo([]), {
      message(_message, _session, next) {
        void next();
        return next();
      },
    }),
  );
  expect(() => session.handle('x')).toThrow('called next twice');
  expect(session.texts).toEqual(['x']);
});

test('an open that throws, before or after next, refuses the session, and leaves none open', () => {
  const calls: string[] = [];
  const refusal = new SluiceError('PERMISSION_DENIED', 'no');
  expect(
    () =>
      new FakeSession(
        around(echo(calls), {
          open: () => {
            throw refusal;
          },
        }),
      ),
  ).toThrow(refusal);
  expect(calls).toEqual([]);
  const late = around(echo(calls), {
    open(_session, next) {
      next();
      throw refusal;
    },
  });
  expect(() => new FakeSession(late)).toThrow(refusal);
  expect(calls).toEqual(['open', 'close']);
  expect(() => new FakeSession(around(echo([]), { open: () => undefined }))).toThrow('neither called next');
});

test('an open can not wait: a promise refuses the session, and next comes too late for it', async () => {
  const calls: string[] = [];
  let late: Promise<void> | undefined;
  const waits = {
    open: (_session: unknown, next: () => void) => (late = Promise.resolve().then(next)),
  } as unknown as MiddlewareDefinition;
  expect(() => new FakeSession(around(echo(calls), waits))).toThrow('returned a promise');
  await expect(late).rejects.toThrow('after it had returned');
  expect(calls).toEqual([]);
});

test.each([
  ['throws', () => failing()],
  ['rejects', () => Promise.reject(new Error('mine'))],
])('a close that %s leaves no route open', async (_, close) => {
  const calls: string[] = [];
  const definition: object = { close };
  const route = around(echo(calls), definition);
  const handler = route.open(new FakeSession(echo([])));
  const closed: unknown = handler.closed?.();
  expect(calls).toEqual(['open', 'close']);
  await expect(closed).rejects.toThrow('mine');
});

test('what the route makes of a message counts, though its promise is not awaited', async () => {
  const gate = { open: (): void => undefined };
  const fails: Route = {
    kind: 'fails',
    open: () => ({
      handle: () =>
        new Promise((_resolve, reject) => {
          gate.open = () => {
            reject(new Error('mine'));
          };
        }),
    }),
  };
  const forgets = new FakeSession(around(fails, { message: (_message, _session, next) => void next() }));
  const failed = forgets.handle('x');
  gate.open();
  await expect(failed).rejects.toThrow('mine');
  let isDone = false;
  const runsOn = new FakeSession(
    around(fails, { message: (_message, _session, next) => Promise.resolve().then(() => void next()) }),
  );
  const handled = Promise.resolve(runsOn.handle('x')).then(() => (isDone = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  gate.open();
  await handled;
});

test('what is left out costs nothing and changes nothing', () => {
  const session = new FakeSession(around(echo([]), {}));
  expect(session.handle('x')).toBeUndefined();
  expect(session.texts).toEqual(['x']);
});

test.each([
  [{ onMessage: () => undefined }, 'onMessage is none of open, message and close'],
  [{ message: 5 }, 'message is not a function'],
])('%o is no middleware', (definition, says) => {
  expect(() => defineMiddleware(definition as unknown as MiddlewareDefinition)).toThrow(says);
});

function failing(): never {
  throw new Error('mine');
}

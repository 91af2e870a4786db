import { expect, test } from 'vitest';
import { InternalSession } from '../../../src/routes/internal-session.js';
import type { Route, RouteSession } from '../../../src/session/route.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { Held } from '../../helpers/gate.js';

function world() {
  const handled: { readonly text: string; readonly message: DataMessage; readonly done: Held<void> }[] = [];
  const ends: string[] = [];
  let own: RouteSession | undefined;
  const route: Route = {
    kind: 'test',
    open(session) {
      own = session;
      return {
        handle(message) {
          const done = new Held<void>();
          handled.push({ text: Buffer.from(message.data).toString(), message, done });
          return done.promise;
        },
        closed: () => void ends.push('closed'),
      };
    },
  };
  const session = new InternalSession(route, { sessionId: 'x', subject: 'y', wallNow: () => 5 });
  const deliver = (text: string, signal = new AbortController().signal): Promise<void> =>
    session.deliver({ data: Buffer.from(text) }, signal);
  return { session, handled, ends, deliver, route: own as unknown as RouteSession };
}

const settle = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
};

test('one at a time, in order, each numbered, whatever became of the one before', async () => {
  const { session, handled, deliver } = world();
  const all = [deliver('1'), deliver('2'), deliver('3')];
  expect(session.waiting).toBe(2);
  handled[0]?.done.resolve();
  await all[0];
  await settle();
  const late = deliver('4');
  expect(handled.map(({ text }) => text)).toEqual(['1', '2']);
  handled[1]?.done.reject(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  await settle();
  handled[2]?.done.resolve();
  await all[2];
  await settle();
  handled[3]?.done.resolve();
  await late;
  expect(handled.map(({ text, message }) => `${text} ${message.sequence}`)).toEqual([
    '1 1',
    '2 2',
    '3 3',
    '4 4',
  ]);
});

test('what waits goes with whom it came from', async () => {
  const { session, handled, deliver } = world();
  const first = deliver('1');
  const caller = new AbortController();
  const taken = expect(deliver('2', caller.signal)).rejects.toThrow('gone');
  const third = deliver('3');
  caller.abort(new Error('gone'));
  await taken;
  expect(session.waiting).toBe(1);
  await expect(deliver('4', caller.signal)).rejects.toThrow('gone');
  for (let n = 0; n < 2; n += 1) {
    handled[n]?.done.resolve();
    await settle();
  }
  await Promise.all([first, third]);
  expect(handled.map(({ text }) => text)).toEqual(['1', '3']);
});

test('its end fails what waits, tells the route once, and takes no more', async () => {
  const { session, ends, deliver, route } = world();
  void deliver('1');
  const second = expect(deliver('2')).rejects.toThrow('session "x" has ended: enough');
  route.end('enough');
  session.end();
  await second;
  await settle();
  expect(ends).toEqual(['closed']);
  expect(() => session.send()).toThrow('has ended');
  await expect(deliver('3')).rejects.toThrow('has ended');
});

import { expect, test } from 'vitest';
import { AcknowledgeReceived } from '../../../../src/routes/options/acknowledge-received.js';
import { RouteCounters } from '../../../../src/routes/route-counters.js';
import type { Route } from '../../../../src/session/route.js';
import { FakeSession } from '../../../helpers/fake-session.js';
import { RecordingLogger } from '../../../helpers/recording-logger.js';

function world() {
  const counters = new RouteCounters();
  const logger = new RecordingLogger();
  const { lines } = logger;
  const given: string[] = [];
  const ends: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const inner: Route = {
    kind: 'slow',
    pipelined: true,
    open: () => ({
      handle(message) {
        given.push(Buffer.from(message.data).toString());
        if (message.key === 'throws') throw new Error('at once');
        return new Promise((resolve, reject) => ends.push({ resolve, reject }));
      },
    }),
  };
  const route = new AcknowledgeReceived(inner, { logger, counters });
  return { counters, lines, given, ends, route, session: new FakeSession(route) };
}

const settle = async (): Promise<void> => {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
};

test('a message is accepted when it is given; the next when it is given in its turn', async () => {
  const { given, ends, route, session } = world();
  expect(route.pipelined).toBe(false);
  expect(session.handle('1')).toBeUndefined();
  let accepted = false;
  const second = Promise.resolve(session.handle('2')).then(() => (accepted = true));
  await settle();
  // One at a time, in order, and no more than one ahead.
  expect([given, accepted]).toEqual([['1'], false]);
  ends[0]?.resolve();
  await second;
  expect(given).toEqual(['1', '2']);
});

test('one that fails later is told to the log, and the next one comes', async () => {
  const { counters, given, lines, ends, session } = world();
  void session.handle('1');
  const second = session.handle('2');
  ends[0]?.reject(new Error('too late'));
  await second;
  expect(given).toEqual(['1', '2']);
  expect(counters.failedAfterAcknowledged).toBe(1);
  expect(lines).toEqual([
    expect.objectContaining({
      message: 'a message failed after it was acknowledged',
      fields: expect.objectContaining({ session: 'ann:s1', sequence: 1 }) as object,
    }),
  ]);
});

test('one that fails at once is failed', async () => {
  const { counters, ends, session } = world();
  expect(() => session.handle('1', { key: 'throws' })).toThrow('at once');
  void session.handle('2');
  const third = expect(session.handle('3', { key: 'throws' })).rejects.toThrow('at once');
  ends[0]?.resolve();
  await third;
  expect(counters.failedAfterAcknowledged).toBe(0);
});

test('what waits when the session ends is not given any more', async () => {
  const { given, ends, lines, session } = world();
  void session.handle('1');
  void session.handle('2');
  session.close();
  ends[0]?.reject(new Error('too late'));
  await settle();
  expect(given).toEqual(['1']);
  expect(lines).toEqual([]);
});

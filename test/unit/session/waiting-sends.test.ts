import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { WaitingSends, type Payload } from '../../../src/session/windowed/waiting-sends.js';
import { dataMessage } from '../../../src/wire/messages.js';

const payload = (key: string): Payload => [dataMessage({ key })];

describe('WaitingSends', () => {
  it('are taken in order; each promise is that of its own send', async () => {
    const sends = new WaitingSends();
    const settled: string[] = [];
    for (const key of ['a', 'b', 'c']) {
      void sends.add(payload(key), 10).then(() => settled.push(key));
    }
    expect([sends.length, sends.bytes]).toEqual([3, 30]);
    expect(sends.first?.payload[0].key).toBe('a');
    const first = sends.shift();
    expect([sends.length, sends.bytes]).toEqual([2, 20]);
    first?.taken();
    await Promise.resolve();
    expect(settled).toEqual(['a']);
    expect(sends.first?.payload[0].key).toBe('b');
  });

  it('are all refused with what ended the session, and leave nothing', async () => {
    const sends = new WaitingSends();
    const error = new SluiceError('SLOW_CONSUMER', 'over');
    const promises = [sends.add(payload('a'), 1), sends.add(payload('b'), 2)];
    sends.refuseAll(error);
    for (const promise of promises) await expect(promise).rejects.toBe(error);
    expect([sends.length, sends.bytes, sends.first, sends.shift()]).toEqual([0, 0, undefined, undefined]);
  });

  it('that nobody looks at are no unhandled rejection when they are refused', async () => {
    const sends = new WaitingSends();
    // The leak check of every test fails on one.
    void sends.add(payload('a'), 1);
    sends.refuseAll(new SluiceError('INTERNAL', 'over'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sends.length).toBe(0);
  });
});

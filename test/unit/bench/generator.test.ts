import { describe, expect, it } from 'vitest';
import { USUAL } from '../../../bench/harness/case-builders.js';
import { flagsOf, lineOf } from '../../../bench/harness/generator.js';

const target = { address: '127.0.0.1:1', pid: 7 };
const manner = { windowed: false, warmupSeconds: 0.5, seconds: 2 };

describe('what the generator is told', () => {
  it('is the load, and nothing that is as usual', () => {
    expect(flagsOf(target, USUAL, manner)).toEqual({
      mode: 'throughput',
      addr: '127.0.0.1:1',
      'server-pid': '7',
      conns: '4',
      streams: '20',
      outstanding: '16',
      size: '256',
      method: 'StreamData',
      batch: '1',
      warmup: '0.5',
      seconds: '2',
    });
  });

  it('names what is special', () => {
    const load = { ...USUAL, sessionsPerStream: 100, stalled: 3 };
    const flags = flagsOf({ ...target, authorityFile: 'ca.pem' }, load, {
      ...manner,
      windowed: true,
      ratePerSecond: 12_345.6,
    });
    expect(flags).toMatchObject({
      windowed: 'true',
      sessions: '100',
      stalled: '3',
      rate: '12346',
      ca: 'ca.pem',
    });
  });
});

describe('a line of the generator', () => {
  it('is an object with an event', () => {
    expect(lineOf('{"event":"result","messages":3}')).toEqual({ event: 'result', messages: 3 });
  });

  it.each(['', 'a warning of the runtime', '{"event":', '3', 'null', '{"other":1}'])(
    'is not %j, which is passed over',
    (text) => {
      expect(lineOf(text)).toBeUndefined();
    },
  );
});

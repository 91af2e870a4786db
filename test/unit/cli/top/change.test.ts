import { expect, test } from 'vitest';
import { ChangeMeter } from '../../../../src/cli/top/change.js';
import { totals } from '../../../helpers/looks.js';

function at(uptimeMs: number, passed: number, startedAt = 'then') {
  const { process } = totals().gateway;
  return totals(
    { uptimeMs, startedAt, process: { ...process, cpuMs: passed } },
    { messages: { received: passed, sent: 2 * passed } },
  );
}

test('the gateway’s own averages first, then what passed in between', () => {
  const meter = new ChangeMeter();
  expect(meter.next(at(1_000, 100))).toEqual({ receiveRate: 12.5, sendRate: 8_000, cpu: undefined });
  expect(meter.next(at(3_000, 500))).toEqual({ receiveRate: 200, sendRate: 400, cpu: 0.2 });
});

test('two looks that follow each other at once say nothing new', () => {
  const meter = new ChangeMeter();
  meter.next(at(1_000, 100));
  const steady = meter.next(at(2_000, 200));
  expect(meter.next(at(2_030, 290))).toEqual(steady);
  // What passed since the last that counted.
  expect(meter.next(at(2_500, 300))).toMatchObject({ receiveRate: 200, sendRate: 400 });
});

test('begins anew with a gateway that did', () => {
  const meter = new ChangeMeter();
  meter.next(at(9_000, 9_000));
  expect(meter.next(at(10_000, 5, 'now'))).toMatchObject({ receiveRate: 12.5, cpu: undefined });
  expect(meter.next(at(11_000, 15, 'now'))).toMatchObject({ receiveRate: 10 });
});

test('averages that the gateway can not have yet are not taken for silence', () => {
  const young = { receiveRate: 0, sendRate: 3, uptimeMs: 9_999 };
  expect(new ChangeMeter().next(totals(young))).toMatchObject({ receiveRate: undefined, sendRate: 3 });
  expect(new ChangeMeter().next(totals({ ...young, uptimeMs: 10_000 }))).toMatchObject({ receiveRate: 0 });
});

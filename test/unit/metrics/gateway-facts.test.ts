import { expect, test } from 'vitest';
import type { LoopDelay } from '../../../src/metrics/event-loop-delay.js';
import { GatewayFactsSource } from '../../../src/metrics/gateway-facts.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const LIMITS = { connections: 1, sessions: 2, sockets: 3, edgeSockets: 4 };
const ADDRESSES = [{ protocol: 'grpc', address: '127.0.0.1:50051', tls: false }] as const;

function world() {
  const clock = new FakeClock();
  const loop = {
    reads: 0,
    stops: 0,
    read(): LoopDelay {
      loop.reads += 1;
      return { meanMs: 1.26, p50Ms: 1, p99Ms: loop.reads * 10, maxMs: 40.04 };
    },
    stop() {
      loop.stops += 1;
    },
  };
  let watched = 0;
  const source = new GatewayFactsSource({
    clock,
    version: '1.2.3',
    nodeId: 'node-1',
    limits: LIMITS,
    addresses: () => ADDRESSES,
    rates: () => ({ receive: 10.26, send: 3 }),
    slow: () => ['client', null, 'route', 'client'],
    monitorLoop: () => {
      watched += 1;
      return loop;
    },
  });
  return { clock, loop, source, watched: () => watched };
}

test('says which gateway it is, since when, and how it is', () => {
  const { clock, source } = world();
  const startedAt = new Date(clock.wallNow()).toISOString();
  clock.advance(90_000);
  expect(source.read()).toMatchObject({
    version: '1.2.3',
    nodeId: 'node-1',
    startedAt,
    uptimeMs: 90_000,
    receiveRate: 10.3,
    sendRate: 3,
    slow: { client: 2, route: 1 },
    limits: LIMITS,
    addresses: ADDRESSES,
    process: { pid: process.pid },
  });
  const { cpuMs, rssBytes, heapUsedBytes, heapTotalBytes, loopActiveMs } = source.read().process;
  for (const value of [cpuMs, rssBytes, heapUsedBytes, heapTotalBytes]) expect(value).toBeGreaterThan(0);
  expect(loopActiveMs).toBeGreaterThanOrEqual(0);
});

test('watches the event loop from the first look on, and shares what it measured within a second', () => {
  const { clock, loop, source, watched } = world();
  const delay = () => source.read().process.loopDelay;
  expect(watched()).toBe(0);
  expect(delay()).toEqual({ overMs: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
  clock.advance(999);
  expect(delay().overMs).toBe(0);
  clock.advance(1);
  expect(delay()).toEqual({ overMs: 1_000, meanMs: 1.3, p50Ms: 1, p99Ms: 10, maxMs: 40 });
  clock.advance(500);
  expect(delay().p99Ms).toBe(10);
  clock.advance(2_000);
  expect(delay()).toMatchObject({ overMs: 2_500, p99Ms: 20 });
  expect([watched(), loop.reads]).toEqual([1, 2]);
});

test('leaves nothing, and watches no more', () => {
  const { clock, loop, source, watched } = world();
  source.read();
  source.stop();
  source.stop();
  clock.advance(5_000);
  expect(source.read().process.loopDelay.overMs).toBe(0);
  expect([watched(), loop.stops]).toEqual([1, 1]);
});
